{{- define "layover.volumeMounts" -}}
- { name: config, mountPath: /etc/layover, readOnly: true }
- { name: tmp, mountPath: /tmp }
{{- if eq .Values.mode "disk" }}
- { name: data, mountPath: /var/lib/registry }
{{- else }}
- { name: spool, mountPath: /var/cache/layover }
{{- end }}
{{- if include "layover.secretSources" . | fromYamlArray }}
- { name: secrets, mountPath: /run/secrets/layover, readOnly: true }
{{- end }}
{{- with .Values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "layover.volumes" -}}
- name: config
  configMap: { name: {{ include "layover.fullname" . }}, defaultMode: 420 }
- name: tmp
  emptyDir: { sizeLimit: 1Gi }
{{- if eq .Values.mode "shared" }}
- name: spool
  {{- include "layover.spoolVolume" . | nindent 2 }}
{{- else if .Values.persistence.enabled }}
- name: data
  persistentVolumeClaim: { claimName: {{ include "layover.claimName" . }} }
{{- else }}
- name: data
  emptyDir: { sizeLimit: {{ .Values.persistence.size }} }
{{- end }}
{{- with include "layover.secretSources" . | fromYamlArray }}
- name: secrets
  projected:
    defaultMode: 288
    sources:
      {{- toYaml . | nindent 6 }}
{{- end }}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* Blobs that are being fetched: a volume that ends with its pod, of a storage class or of the node. */}}
{{- define "layover.spoolVolume" -}}
{{- if .Values.spool.storageClass -}}
ephemeral:
  volumeClaimTemplate:
    spec:
      accessModes: [ReadWriteOnce]
      storageClassName: {{ .Values.spool.storageClass | quote }}
      volumeMode: Filesystem
      resources: { requests: { storage: {{ .Values.spool.size }} } }
{{- else -}}
emptyDir: { sizeLimit: {{ .Values.spool.size }} }
{{- end -}}
{{- end -}}

{{/* Files below /run/secrets/layover, which follow their Secrets without a restart. */}}
{{- define "layover.secretSources" -}}
{{- with .Values.auth.htpasswdSecret }}
{{- if .name }}
{{ include "layover.secretFile" (list .name .key "auth/htpasswd") }}
{{- end }}
{{- end }}
{{- with .Values.auth.issuerKeySecret }}
{{- if .name }}
{{ include "layover.secretFile" (list .name .key "auth/token-keys.pem") }}
{{- end }}
{{- end }}
{{- with .Values.admin }}
{{- if .existingSecret }}
{{ include "layover.secretFile" (list .existingSecret .key "admin/token") }}
{{- end }}
{{- end }}
{{- with include "layover.tlsSecret" . }}
{{ include "layover.secretFile" (list . "tls.crt" "tls/tls.crt") }}
{{ include "layover.secretFile" (list . "tls.key" "tls/tls.key") }}
{{- end }}
{{- if eq .Values.mode "shared" }}
{{- with .Values.s3.caSecret }}
{{- if .name }}
{{ include "layover.secretFile" (list .name .key "s3/ca.crt") }}
{{- end }}
{{- end }}
{{- if .Values.redis.tls.enabled }}
{{- with .Values.redis.tls.caSecret }}
{{- if .name }}
{{ include "layover.secretFile" (list .name .key "redis/ca.crt") }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- range $index, $upstream := .Values.upstreams }}
{{- with $upstream.credentials }}
{{- if .dockerConfigSecret }}
{{ include "layover.secretFile" (list .dockerConfigSecret ".dockerconfigjson" (printf "upstreams/%d/config.json" $index)) }}
{{- else }}
{{ include "layover.secretFile" (list .existingSecret (.passwordKey | default "password") (printf "upstreams/%d/password" $index)) }}
{{- end }}
{{- end }}
{{- with $upstream.caSecret }}
{{ include "layover.secretFile" (list .name (.key | default "ca.crt") (printf "upstreams/%d/ca.crt" $index)) }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "layover.secretFile" -}}
- secret: { name: {{ index . 0 | quote }}, items: [{ key: {{ index . 1 | quote }}, path: {{ index . 2 }} }] }
{{- end -}}
