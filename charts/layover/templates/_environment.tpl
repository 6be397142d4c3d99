{{/* Variables of the container, each name once: .Values.extraEnv replaces the chart's. */}}
{{- define "layover.env" -}}
{{- $env := include "layover.chartEnv" . | fromYaml -}}
{{- $own := dict -}}
{{- range .Values.extraEnv -}}
{{- $_ := set $own .name . -}}
{{- end -}}
{{- range $name, $entry := $env }}
{{- if not (hasKey $own $name) }}
{{ toYaml (list (merge (dict "name" $name) $entry)) }}
{{- end }}
{{- end }}
{{- $written := dict }}
{{- range .Values.extraEnv }}
{{- if not (hasKey $written .name) }}
{{ toYaml (list (get $own .name)) }}
{{- end }}
{{- $_ := set $written .name true }}
{{- end }}
{{- end -}}

{{/* By name, in alphabetical order: POD_IP comes before the variable that refers to it. */}}
{{- define "layover.chartEnv" -}}
REGISTRY_CONFIGURATION_PATH: { value: /etc/layover/config.yml }
{{- range $index, $upstream := .Values.upstreams }}
{{- with $upstream.credentials }}
{{- if not (or .username .dockerConfigSecret) }}
REGISTRY_PROXY_UPSTREAMS_{{ $index }}_CREDENTIALS_0_USERNAME:
  {{- include "layover.fromSecret" (list .existingSecret (.usernameKey | default "username")) | nindent 2 }}
{{- end }}
{{- end }}
{{- end }}
{{- if eq .Values.mode "shared" }}
POD_IP: { valueFrom: { fieldRef: { apiVersion: v1, fieldPath: status.podIP } } }
REGISTRY_PROXY_FILLS_ADVERTISE: { value: {{ .Values.fills.advertise | quote }} }
{{- with .Values.s3 }}
{{- if .existingSecret }}
REGISTRY_STORAGE_S3_ACCESSKEY:
  {{- include "layover.fromSecret" (list .existingSecret .accessKeyKey) | nindent 2 }}
REGISTRY_STORAGE_S3_SECRETKEY:
  {{- include "layover.fromSecret" (list .existingSecret .secretKeyKey) | nindent 2 }}
{{- end }}
{{- end }}
{{- with .Values.redis }}
{{- if .existingSecret }}
REGISTRY_REDIS_PASSWORD:
  {{- include "layover.fromSecret" (list .existingSecret .passwordKey) | nindent 2 }}
{{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "layover.fromSecret" -}}
valueFrom: { secretKeyRef: { name: {{ index . 0 | quote }}, key: {{ index . 1 | quote }} } }
{{- end -}}
