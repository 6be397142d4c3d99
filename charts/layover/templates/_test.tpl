{{- define "layover.testContainer" -}}
image: {{ include "layover.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  {{- toYaml .Values.securityContext | nindent 2 }}
resources:
  requests: { cpu: 10m, memory: 64Mi }
  limits: { memory: 256Mi }
volumeMounts:
  - { name: tmp, mountPath: /tmp }
{{- end -}}
