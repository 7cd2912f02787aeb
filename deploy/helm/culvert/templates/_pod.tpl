{{/* Parts of the DaemonSet's container that are lists of their own. */}}

{{- define "culvert.env" -}}
- name: XDS_ADDRESS
  value: {{ include "culvert.xdsAddress" . | quote }}
- name: CA_ADDRESS
  value: {{ include "culvert.caAddress" . | quote }}
- name: ISTIO_META_CLUSTER_ID
  value: {{ .Values.multiCluster.clusterName | default "Kubernetes" | quote }}
{{- with .Values.network }}
- name: NETWORK
  value: {{ . | quote }}
{{- end }}
- name: RUST_LOG
  value: {{ .Values.logLevel | quote }}
{{- if .Values.logAsJson }}
- name: LOG_FORMAT
  value: json
{{- end }}
- name: TERMINATION_GRACE_PERIOD_SECONDS
  value: {{ include "culvert.text" .Values.terminationGracePeriodSeconds | quote }}
{{- range $name, $path := dict "POD_NAME" "metadata.name" "POD_NAMESPACE" "metadata.namespace" "NODE_NAME" "spec.nodeName" "INSTANCE_IP" "status.podIP" "SERVICE_ACCOUNT" "spec.serviceAccountName" }}
- name: {{ $name }}
  valueFrom:
    fieldRef:
      fieldPath: {{ $path }}
{{- end }}
# The cores that the pod may use: of the node, where nothing limits it.
- name: ZTUNNEL_CPU_LIMIT
  valueFrom:
    resourceFieldRef:
      resource: limits.cpu
      divisor: "1"
{{- range $kind, $name := dict "limits" "ZTUNNEL_RESOURCE_CPU_LIMIT" "requests" "ZTUNNEL_RESOURCE_CPU_REQUEST" }}
{{- if dig $kind "cpu" "" ($.Values.resources | default dict) }}
- name: {{ $name }}
  valueFrom:
    resourceFieldRef:
      resource: {{ $kind }}.cpu
      divisor: "1"
{{- end }}
{{- end }}
{{- range $name, $value := .Values.meshConfig.defaultConfig.proxyMetadata }}
- name: {{ $name }}
  value: {{ include "culvert.text" $value | quote }}
{{- end }}
{{- range $name, $value := .Values.env }}
- name: {{ $name }}
  value: {{ include "culvert.text" $value | quote }}
{{- end }}
{{- end }}

{{- define "culvert.securityContext" -}}
privileged: false
# Has to be true beside SYS_ADMIN, says the Kubernetes API; the image has no program to escalate with.
allowPrivilegeEscalation: true
readOnlyRootFilesystem: true
# Root without its capabilities: the owner of the token and of the node agent's socket.
runAsUser: 0
runAsGroup: 1337
runAsNonRoot: false
capabilities:
  drop: [ALL]
  add:
    - SYS_ADMIN  # entering the pods' network namespaces
    - NET_ADMIN  # marking packets, connecting from clients' addresses
seccompProfile:
  {{- toYaml .Values.seccompProfile | nindent 2 }}
{{- with .Values.seLinuxOptions }}
seLinuxOptions:
  {{- toYaml . | nindent 2 }}
{{- else }}
{{- if eq (include "culvert.platform" .) "openshift" }}
seLinuxOptions:
  type: spc_t  # the node agent's socket has the node's label
{{- end }}
{{- end }}
{{- end }}

{{- define "culvert.volumes" -}}
- name: istiod-ca-cert
  configMap:
    name: {{ .Values.trustBundleName }}
- name: istio-token
  projected:
    sources:
      - serviceAccountToken:
          path: istio-token
          audience: istio-ca
          expirationSeconds: 43200
- name: cni-ztunnel-sock-dir
  hostPath:
    path: {{ .Values.socketDirectory }}
    # The node agent may come later.
    type: DirectoryOrCreate
- name: tmp
  emptyDir:
    sizeLimit: 64Mi
{{- with .Values.volumes }}
{{ toYaml . }}
{{- end }}
{{- end }}
