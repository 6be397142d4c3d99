{{/* The configuration file: the chart's, with .Values.config merged over it. */}}
{{- define "layover.config" -}}
{{- $config := include "layover.chartConfig" . | fromYaml -}}
{{- include "layover.merge" (dict "into" $config "from" .Values.config) -}}
{{- toYaml $config -}}
{{- end -}}

{{/* Sprig's mergeOverwrite keeps a value where the other one is false, 0 or empty. */}}
{{- define "layover.merge" -}}
{{- $into := .into -}}
{{- range $key, $value := .from -}}
{{- if and (kindIs "map" $value) (kindIs "map" (get $into $key)) -}}
{{- include "layover.merge" (dict "into" (get $into $key) "from" $value) -}}
{{- else -}}
{{- $_ := set $into $key $value -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "layover.chartConfig" -}}
version: 0.1
http:
  addr: :5000
  draindelay: {{ .Values.drain.delaySeconds }}s
  draintimeout: {{ .Values.drain.timeoutSeconds }}s
  debug:
    addr: :5001
    prometheus:
      enabled: {{ .Values.metrics.enabled }}
  {{- if include "layover.tlsSecret" . }}
  tls:
    certificate: /run/secrets/layover/tls/tls.crt
    key: /run/secrets/layover/tls/tls.key
  {{- end }}
health:
  storagedriver: { enabled: true, interval: 10s, threshold: 3 }
{{- include "layover.storageConfig" . }}
{{- include "layover.authConfig" . }}
proxy:
  {{- if eq .Values.mode "shared" }}
  fills:
    directory: /var/cache/layover/fills
    maxspool: {{ include "layover.mebibytes" (dict "quantity" .Values.spool.size "fraction" 0.9) }}
  {{- end }}
  {{- if not (or (dig "proxy" "remoteurl" "" .Values.config) (hasKey (dig "proxy" dict .Values.config) "upstreams")) }}
  upstreams:
    {{- include "layover.upstreamsConfig" . | nindent 4 }}
  {{- end }}
{{- end -}}

{{- define "layover.storageConfig" }}
storage:
  {{- if eq .Values.mode "disk" }}
  filesystem:
    rootdirectory: /var/lib/registry
  {{- else }}
  s3:
    bucket: {{ .Values.s3.bucket | quote }}
    {{- with .Values.s3.region }}
    region: {{ . | quote }}
    {{- end }}
    {{- with .Values.s3.endpoint }}
    regionendpoint: {{ . | quote }}
    {{- end }}
    {{- with .Values.s3.rootdirectory }}
    rootdirectory: {{ . | quote }}
    {{- end }}
    {{- if .Values.s3.caSecret.name }}
    cacert: /run/secrets/layover/s3/ca.crt
    {{- end }}
  redirect:
    disable: {{ not .Values.s3.redirect }}
  {{- end }}
  {{- $size := include "layover.quotaSize" . }}
  {{- if or $size .Values.quota.pins }}
  quota:
    {{- with $size }}
    size: {{ . | quote }}
    {{- end }}
    {{- with .Values.quota.pins }}
    pins: {{ toJson . }}
    {{- end }}
  {{- end }}
{{- if eq .Values.mode "shared" }}
redis:
  addrs: {{ toJson .Values.redis.addrs }}
  {{- with .Values.redis.mastername }}
  mastername: {{ . | quote }}
  {{- end }}
  {{- with .Values.redis.username }}
  username: {{ . | quote }}
  {{- end }}
  {{- if .Values.redis.tls.enabled }}
  tls:
    enabled: true
    {{- if .Values.redis.tls.caSecret.name }}
    rootcas: [/run/secrets/layover/redis/ca.crt]
    {{- end }}
  {{- end }}
{{- end }}
{{- end -}}

{{/* A claim that the chart did not make may have any size. */}}
{{- define "layover.quotaSize" -}}
{{- if .Values.quota.size -}}
{{- .Values.quota.size -}}
{{- else if and (eq .Values.mode "disk") (not .Values.persistence.existingClaim) -}}
{{- include "layover.mebibytes" (dict "quantity" .Values.persistence.size "fraction" .Values.quota.fraction) -}}
{{- end -}}
{{- end -}}

{{- define "layover.authConfig" }}
{{- with .Values.auth }}
{{- if .htpasswdSecret.name }}
auth:
  htpasswd:
    realm: {{ .realm | quote }}
    path: /run/secrets/layover/auth/htpasswd
  {{- if .anonymousPull }}
  anonymous:
    actions: [pull]
  {{- end }}
  {{- with .policy }}
  policy: {{ toJson . }}
  {{- end }}
  {{- if .issuerKeySecret.name }}
  issuer:
    keyfile: /run/secrets/layover/auth/token-keys.pem
  {{- end }}
{{- end }}
{{- end }}
{{- if .Values.admin.existingSecret }}
admin:
  addr: :5002
  tokenfile: /run/secrets/layover/admin/token
{{- end }}
{{- end -}}
