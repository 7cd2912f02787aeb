{{/* Where istiod looks for its node proxies, and istioctl for this chart's DaemonSet: a fixed name. */}}
{{- define "culvert.name" -}}ztunnel{{- end }}

{{- define "culvert.labels" -}}
app: {{ include "culvert.name" . }}
app.kubernetes.io/name: {{ include "culvert.name" . }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: istio
{{- with .Values.labels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Name, namespace, labels and annotations of an object. Called with root, and, where the object has
     some of its own, labels, annotations and a suffix of the name. */}}
{{- define "culvert.metadata" -}}
name: {{ include "culvert.name" .root }}{{ .suffix }}
namespace: {{ .root.Release.Namespace | quote }}
labels:
  {{- include "culvert.labels" .root | nindent 2 }}
  {{- with .labels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- $annotations := merge (dict) (.annotations | default dict) .root.Values.annotations }}
{{- with .root.Values.revision }}
{{- $_ := set $annotations "istio.io/rev" . }}
{{- end }}
{{- with $annotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "culvert.image" -}}
{{- if contains "/" .Values.image -}}
{{ .Values.image }}
{{- else -}}
{{ .Values.hub }}/{{ .Values.image }}:{{ .Values.tag | default .Chart.AppVersion }}
{{- end }}
{{- end }}

{{- define "culvert.istiod" -}}
istiod{{ with .Values.revision }}-{{ . }}{{ end }}.{{ .Values.istioNamespace }}.svc:15012
{{- end }}
{{- define "culvert.xdsAddress" -}}
{{ .Values.xdsAddress | default (include "culvert.istiod" .) }}
{{- end }}
{{- define "culvert.caAddress" -}}
{{ .Values.caAddress | default (include "culvert.istiod" .) }}
{{- end }}

{{- define "culvert.platform" -}}
{{ coalesce .Values.platform (.Values.global | default dict).platform "none" }}
{{- end }}

{{/* A scalar of the values as text: whole numbers without an exponent (values are floats in Helm). */}}
{{- define "culvert.text" -}}
{{- if and (kindIs "float64" .) (eq (floor .) .) }}{{ . | int64 }}{{ else }}{{ . }}{{ end }}
{{- end }}
