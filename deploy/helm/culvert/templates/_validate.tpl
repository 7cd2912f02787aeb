{{/* What the schema cannot say in a sentence: the wrong value, why, and what to do instead. */}}

{{- define "culvert.validate" -}}
{{- range list "image" "addresses" "names" "logs" "environment" "unsupported" "labels" "resources" "update" "security" "monitor" }}
{{- include (printf "culvert.validate.%s" .) $ }}
{{- end }}
{{- end }}

{{- define "culvert.validate.image" -}}
{{- $image := .Values.image }}
{{- if contains "/" $image }}
  {{- if not (regexMatch "^[a-z0-9][A-Za-z0-9.-]*(:[0-9]+)?(/[a-z0-9._-]+)+(:[A-Za-z0-9_][A-Za-z0-9_.-]*)?(@sha256:[0-9a-f]{64})?$" $image) }}
    {{- fail (printf "image %q is no image reference: write HOST/PATH:TAG or HOST/PATH@sha256:DIGEST, without https://" $image) }}
  {{- end }}
  {{- if not (regexMatch "[:@][^/]+$" $image) }}
    {{- fail (printf "image %q has no tag: with a slash in it, it is the whole reference, so write %s:TAG (or give hub, image and tag apart)" $image $image) }}
  {{- end }}
{{- else }}
  {{- if not (regexMatch "^[a-z0-9][A-Za-z0-9.-]*(:[0-9]+)?(/[a-z0-9._-]+)*$" .Values.hub) }}
    {{- fail (printf "hub %q is no registry path: write HOST/PATH, without https:// and without a slash at the end" .Values.hub) }}
  {{- end }}
  {{- if not (regexMatch "^[a-z0-9]+([._-]+[a-z0-9]+)*$" $image) }}
    {{- fail (printf "image %q is no image name: write a name such as ztunnel (the tag is the value `tag`), or the whole reference HOST/PATH:TAG" $image) }}
  {{- end }}
  {{- if not (regexMatch "^([A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?$" .Values.tag) }}
    {{- fail (printf "tag %q is no tag: letters, digits, '_', '.' and '-' only; a digest goes into image: HOST/PATH@sha256:DIGEST" .Values.tag) }}
  {{- end }}
{{- end }}
{{- range .Values.imagePullSecrets }}
  {{- if not (kindIs "string" .) }}
    {{- fail (printf "imagePullSecrets has %s: give the names of the secrets only, as in imagePullSecrets: [my-registry]" (toJson .)) }}
  {{- end }}
{{- end }}
{{- end }}

{{- define "culvert.validate.addresses" -}}
{{- range $key := list "xdsAddress" "caAddress" }}
  {{- $address := index $.Values $key }}
  {{- if hasPrefix "http://" $address }}
    {{- fail (printf "%s %q is not encrypted: whoever is in between could read the daemon's token and forge what is answered; use https:// or no scheme" $key $address) }}
  {{- end }}
  {{- if not (regexMatch "^((https://)?([A-Za-z0-9.-]+|\\[[0-9A-Fa-f:.]+\\]):[0-9]{1,5})?$" $address) }}
    {{- fail (printf "%s %q is no address: write HOST:PORT, as in istiod.istio-system.svc:15012" $key $address) }}
  {{- end }}
{{- end }}
{{- if not (regexMatch "^/[^:]*$" .Values.socketDirectory) }}
  {{- fail (printf "socketDirectory %q is no absolute path of the node: write the folder of the node agent's socket, /var/run/ztunnel unless istio-cni was told otherwise" .Values.socketDirectory) }}
{{- end }}
{{- end }}

{{- define "culvert.validate.names" -}}
{{- range $key := list "revision" "istioNamespace" }}
  {{- $name := index $.Values $key }}
  {{- if not (regexMatch "^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)?$" $name) }}
    {{- fail (printf "%s %q cannot be part of istiod's name: lower-case letters, digits and '-' only, as `kubectl get deployments -A -l app=istiod` shows it" $key $name) }}
  {{- end }}
{{- end }}
{{- if not .Values.istioNamespace }}
  {{- fail "istioNamespace is empty: write the namespace that istiod runs in, usually istio-system" }}
{{- end }}
{{- if not (has .Values.platform (list "" "openshift" "gke")) }}
  {{- fail (printf "platform %q needs nothing of its own here: leave it empty; only openshift and gke do" .Values.platform) }}
{{- end }}
{{- end }}

{{- define "culvert.validate.logs" -}}
{{- range splitList "," .Values.logLevel }}
  {{- if not (regexMatch "^([A-Za-z0-9_:.-]+=)?(?i:off|error|warn|info|debug|trace)$" .) }}
    {{- fail (printf "logLevel has %q: write off, error, warn, info, debug or trace, or a list with targets such as info,access=debug" .) }}
  {{- end }}
{{- end }}
{{- end }}

{{- define "culvert.validate.environment" -}}
{{- $own := dict "XDS_ADDRESS" "the value xdsAddress" "CA_ADDRESS" "the value caAddress" "ISTIO_META_CLUSTER_ID" "the value multiCluster.clusterName" "NETWORK" "the value network" "RUST_LOG" "the value logLevel" "LOG_FORMAT" "the value logAsJson" "TERMINATION_GRACE_PERIOD_SECONDS" "the value terminationGracePeriodSeconds" "ZTUNNEL_CPU_LIMIT" "the value resources" "ZTUNNEL_RESOURCE_CPU_LIMIT" "the value resources" "ZTUNNEL_RESOURCE_CPU_REQUEST" "the value resources" "POD_NAME" "the pod itself" "POD_NAMESPACE" "the pod itself" "NODE_NAME" "the pod itself" "INSTANCE_IP" "the pod itself" "SERVICE_ACCOUNT" "the pod itself" }}
{{- $metadata := .Values.meshConfig.defaultConfig.proxyMetadata }}
{{- range $where, $variables := dict "env" .Values.env "meshConfig.defaultConfig.proxyMetadata" $metadata }}
  {{- range $name, $value := $variables }}
    {{- if not (regexMatch "^[A-Za-z_][A-Za-z0-9_]*$" $name) }}
      {{- fail (printf "%s has %q, which is no name of an environment variable: letters, digits and '_' only" $where $name) }}
    {{- end }}
    {{- if eq $name "CRL_PATH" }}
      {{- fail (printf "%s.CRL_PATH: certificate revocation lists are not supported yet, and revoked certificates would be accepted; remove it only if that is what you want" $where) }}
    {{- end }}
    {{- with index $own $name }}
      {{- fail (printf "%s.%s is already set by %s: remove it from %s" $where $name . $where) }}
    {{- end }}
  {{- end }}
{{- end }}
{{- range $name, $value := .Values.env }}
  {{- if hasKey $metadata $name }}
    {{- fail (printf "env.%s is in meshConfig.defaultConfig.proxyMetadata, too: keep one of them" $name) }}
  {{- end }}
{{- end }}
{{- end }}

{{- define "culvert.validate.unsupported" -}}
{{- if .Values.peerCaCrl.enabled }}
  {{- fail "peerCaCrl.enabled: certificate revocation lists are not supported yet, and revoked certificates would be accepted; set it to false only if that is what you want" }}
{{- end }}
{{- range list "variant" "profile" "compatibilityVersion" "resourceName" "resourceScope" }}
  {{- if hasKey $.Values . }}
    {{- fail (printf "%s is a value of the chart istio/ztunnel that has no meaning in this one: remove it" .) }}
  {{- end }}
{{- end }}
{{- end }}

{{- define "culvert.validate.labels" -}}
{{- $own := list "app" "app.kubernetes.io/name" "app.kubernetes.io/instance" "app.kubernetes.io/version" "app.kubernetes.io/part-of" "sidecar.istio.io/inject" "istio.io/dataplane-mode" }}
{{- range $key := list "labels" "podLabels" }}
  {{- range $name, $value := index $.Values $key }}
    {{- if has $name $own }}
      {{- fail (printf "%s.%s is set by the chart, because Istio or the DaemonSet itself looks for it: remove it" $key $name) }}
    {{- end }}
    {{- if and (eq $key "podLabels") (hasKey $.Values.labels $name) }}
      {{- fail (printf "podLabels.%s is in labels, too, which pods get as well: keep one of them" $name) }}
    {{- end }}
  {{- end }}
{{- end }}
{{- range $name := list "sidecar.istio.io/inject" "istio.io/rev" }}
  {{- if hasKey $.Values.podAnnotations $name }}
    {{- fail (printf "podAnnotations has %s, which the chart sets (istio.io/rev from the value revision): remove it" $name) }}
  {{- end }}
{{- end }}
{{- if hasKey (.Values.nodeSelector | default dict) "kubernetes.io/os" }}
  {{- fail "nodeSelector has kubernetes.io/os, which the chart sets to linux: remove it" }}
{{- end }}
{{- end }}

{{- define "culvert.validate.resources" -}}
{{- range $kind := list "requests" "limits" }}
  {{- range $name, $value := index ($.Values.resources | default dict) $kind }}
    {{- $text := include "culvert.text" $value }}
    {{- if not (regexMatch "^[0-9]+(\\.[0-9]+)?([eE][0-9]+|m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?$" $text) }}
      {{- fail (printf "resources.%s.%s %q is no quantity: write one such as 200m or 2 for cpu, 256Mi for memory" $kind $name $text) }}
    {{- end }}
    {{- if and (eq $name "memory") (hasSuffix "m" $text) }}
      {{- fail (printf "resources.%s.memory %q means thousandths of a byte: write %si" $kind $text (upper $text)) }}
    {{- end }}
  {{- end }}
{{- end }}
{{- end }}

{{- define "culvert.validate.update" -}}
{{- if lt (int .Values.terminationGracePeriodSeconds) 1 }}
  {{- fail (printf "terminationGracePeriodSeconds %v would cut every connection whenever the pod is replaced: write 1 at least; 30 is usual" .Values.terminationGracePeriodSeconds) }}
{{- end }}
{{- $strategy := .Values.updateStrategy }}
{{- if and (eq $strategy.type "OnDelete") $strategy.rollingUpdate }}
  {{- fail "updateStrategy.type OnDelete has no use for rollingUpdate, and Kubernetes refuses the two together: write rollingUpdate: null beside it" }}
{{- end }}
{{- if eq $strategy.type "RollingUpdate" }}
  {{- $surge := dig "rollingUpdate" "maxSurge" 0 $strategy | toString | trimSuffix "%" | int }}
  {{- $away := dig "rollingUpdate" "maxUnavailable" 1 $strategy | toString | trimSuffix "%" | int }}
  {{- if and (gt $surge 0) (gt $away 0) }}
    {{- fail "updateStrategy.rollingUpdate has both maxSurge and maxUnavailable above 0, which Kubernetes refuses: keep maxSurge: 1 with maxUnavailable: 0, and nodes are never without a daemon" }}
  {{- end }}
  {{- if and (le $surge 0) (le $away 0) }}
    {{- fail "updateStrategy.rollingUpdate has neither maxSurge nor maxUnavailable above 0, so that no pod could ever be replaced: set maxSurge: 1" }}
  {{- end }}
{{- end }}
{{- end }}

{{- define "culvert.validate.security" -}}
{{- $profile := .Values.seccompProfile }}
{{- $path := dig "localhostProfile" "" $profile }}
{{- if and (eq $profile.type "Localhost") (not $path) }}
  {{- fail "seccompProfile.type Localhost needs seccompProfile.localhostProfile: the path, below the kubelet's seccomp folder of every node, of a copy of the chart's files/seccomp.json" }}
{{- end }}
{{- if and (ne $profile.type "Localhost") $path }}
  {{- fail (printf "seccompProfile.localhostProfile %q has no effect with type %s: set type: Localhost" $path $profile.type) }}
{{- end }}
{{- if or (hasPrefix "/" $path) (contains ".." $path) }}
  {{- fail (printf "seccompProfile.localhostProfile %q must be a path below the kubelet's seccomp folder, such as culvert.json" $path) }}
{{- end }}
{{- end }}

{{- define "culvert.validate.monitor" -}}
{{- if not (regexMatch "^([0-9]+(ms|s|m|h))+$" .Values.podMonitor.interval) }}
  {{- fail (printf "podMonitor.interval %q is no duration: write one such as 30s" .Values.podMonitor.interval) }}
{{- end }}
{{- end }}
