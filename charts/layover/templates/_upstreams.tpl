{{/* The list of upstreams: as in Layover's configuration, with the files that hold their secrets. */}}
{{- define "layover.upstreamsConfig" -}}
{{- if .Values.upstreams -}}
{{- range $index, $upstream := .Values.upstreams }}
{{- $entry := omit $upstream "credentials" "caSecret" }}
{{- $directory := printf "/run/secrets/layover/upstreams/%d" $index }}
{{- with $upstream.credentials }}
{{- $_ := set $entry "credentials" (list (include "layover.credentials" (dict "credentials" . "directory" $directory) | fromYaml)) }}
{{- end }}
{{- if $upstream.caSecret }}
{{- $_ := set $entry "tls" (dict "ca" (printf "%s/ca.crt" $directory)) }}
{{- end }}
{{ toYaml (list $entry) }}
{{- end }}
{{- else -}}
- { name: docker.io, remoteurl: https://registry-1.docker.io, default: true }
- { name: ghcr.io, remoteurl: https://ghcr.io }
- { name: quay.io, remoteurl: https://quay.io }
- { name: registry.k8s.io, remoteurl: https://registry.k8s.io }
- { name: gcr.io, remoteurl: https://gcr.io }
- { name: mcr.microsoft.com, remoteurl: https://mcr.microsoft.com }
- { name: public.ecr.aws, remoteurl: https://public.ecr.aws }
{{- end -}}
{{- end -}}

{{/* The user name comes from a variable unless it is in the values: it is part of a Secret. */}}
{{- define "layover.credentials" -}}
{{- with .credentials }}
{{- if .dockerConfigSecret }}
dockerconfig: {{ $.directory }}/config.json
{{- else }}
{{- with .username }}
username: {{ . | quote }}
{{- end }}
file: {{ $.directory }}/password
{{- end }}
{{- with .realm }}
realm: {{ toJson . }}
{{- end }}
{{- end }}
{{- end -}}
