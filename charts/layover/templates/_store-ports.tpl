{{/* Ports of Redis and S3, as a list. Sentinels name a master, which has Redis' own port unless networkPolicy.egress has another. */}}
{{- define "layover.storePorts" -}}
{{- $addresses := .Values.redis.addrs -}}
{{- if .Values.redis.mastername -}}
{{- $addresses = append $addresses ":6379" -}}
{{- end -}}
{{- with .Values.s3.endpoint -}}
{{- $host := regexReplaceAll "^https?://([^/]+).*$" . "${1}" -}}
{{- $default := ternary "80" "443" (hasPrefix "http:" .) -}}
{{- $addresses = append $addresses (ternary $host (printf "%s:%s" $host $default) (regexMatch ":[0-9]+$" $host)) -}}
{{- end -}}
{{- $ports := list -}}
{{- range $addresses -}}
{{- $ports = append $ports (regexFind "[0-9]+$" . | default "6379") -}}
{{- end -}}
{{ toYaml ($ports | uniq | sortAlpha) }}
{{- end -}}
