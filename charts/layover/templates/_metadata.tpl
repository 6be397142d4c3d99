{{/* Metadata of an object: (dict "root" $ "suffix" "-pods" "annotations" dict "labels" dict), of which only root is required. */}}
{{- define "layover.metadata" -}}
name: {{ include "layover.fullname" .root }}{{ .suffix }}
namespace: {{ .root.Release.Namespace }}
labels:
  {{- include "layover.labels" . | nindent 2 }}
{{- with .annotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* Selectors: never to be changed, as those of workloads cannot be. */}}
{{- define "layover.selectorLabels" -}}
app.kubernetes.io/name: layover
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{/* Of an object; nobody's labels replace those that select it. */}}
{{- define "layover.labels" -}}
{{- $fixed := include "layover.selectorLabels" .root | fromYaml -}}
{{- toYaml (merge $fixed (include "layover.releaseLabels" .root | fromYaml) (.labels | default dict) .root.Values.commonLabels) -}}
{{- end -}}

{{/* Of pods: without versions, which would restart them for a change of the chart alone. */}}
{{- define "layover.podLabels" -}}
{{- toYaml (merge (include "layover.selectorLabels" . | fromYaml) .Values.podLabels .Values.commonLabels) -}}
{{- end -}}

{{- define "layover.releaseLabels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}

{{/* Pods that are not replicas, which Services must not select: (dict "root" $ "name" "test") */}}
{{- define "layover.otherSelectorLabels" -}}
app.kubernetes.io/name: layover-{{ .name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
{{- end -}}

{{- define "layover.otherLabels" -}}
{{- $fixed := include "layover.otherSelectorLabels" . | fromYaml -}}
{{- toYaml (merge $fixed (include "layover.releaseLabels" .root | fromYaml) .root.Values.commonLabels) -}}
{{- end -}}

{{- define "layover.otherPodLabels" -}}
{{- toYaml (merge (include "layover.otherSelectorLabels" . | fromYaml) .root.Values.commonLabels) -}}
{{- end -}}
