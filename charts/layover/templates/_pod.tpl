{{/* The pod of the StatefulSet and of the Deployment. */}}
{{- define "layover.pod" -}}
metadata:
  labels:
    {{- include "layover.podLabels" . | nindent 4 }}
  annotations:
    checksum/config: {{ include "layover.config" . | sha256sum }}
    {{- with .Values.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  serviceAccountName: {{ include "layover.serviceAccountName" . | quote }}
  automountServiceAccountToken: false
  enableServiceLinks: false
  terminationGracePeriodSeconds: {{ add .Values.drain.delaySeconds .Values.drain.timeoutSeconds 5 }}
  securityContext:
    {{- toYaml .Values.podSecurityContext | nindent 4 }}
  initContainers:
    {{- with .Values.initContainers }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
    - name: config-check
      {{- include "layover.container" . | nindent 6 }}
      args: [config, check, /etc/layover/config.yml]
  containers:
    - name: layover
      {{- include "layover.container" . | nindent 6 }}
      args: [serve, /etc/layover/config.yml]
      ports:
        - { name: registry, containerPort: 5000, protocol: TCP }
        - { name: debug, containerPort: 5001, protocol: TCP }
        {{- if .Values.admin.existingSecret }}
        - { name: admin, containerPort: 5002, protocol: TCP }
        {{- end }}
      startupProbe:
        httpGet: { path: /livez, port: debug, scheme: HTTP }
        {{- toYaml .Values.probes.startup | nindent 8 }}
      livenessProbe:
        httpGet: { path: /livez, port: debug, scheme: HTTP }
        {{- toYaml .Values.probes.liveness | nindent 8 }}
      readinessProbe:
        httpGet: { path: /readyz, port: debug, scheme: HTTP }
        {{- toYaml .Values.probes.readiness | nindent 8 }}
    {{- with .Values.extraContainers }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  volumes:
    {{- include "layover.volumes" . | trim | nindent 4 }}
  {{- include "layover.scheduling" . | nindent 2 }}
{{- end -}}

{{- define "layover.container" -}}
image: {{ include "layover.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  {{- toYaml .Values.securityContext | nindent 2 }}
env:
  {{- include "layover.env" . | trim | nindent 2 }}
{{- with .Values.extraEnvFrom }}
envFrom:
  {{- toYaml . | nindent 2 }}
{{- end }}
resources:
  {{- toYaml .Values.resources | nindent 2 }}
volumeMounts:
  {{- include "layover.volumeMounts" . | trim | nindent 2 }}
{{- end -}}

{{- define "layover.scheduling" -}}
{{- with .Values.imagePullSecrets }}
imagePullSecrets: {{ toJson . }}
{{- end }}
{{- range $key := list "nodeSelector" "tolerations" "affinity" "priorityClassName" "hostAliases" "dnsConfig" }}
{{- with get $.Values $key }}
{{ toYaml (dict $key .) }}
{{- end }}
{{- end }}
{{- if .Values.topologySpreadConstraints }}
topologySpreadConstraints:
  {{- toYaml .Values.topologySpreadConstraints | nindent 2 }}
{{- else if eq .Values.mode "shared" }}
topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: kubernetes.io/hostname
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "layover.selectorLabels" . | nindent 8 }}
{{- end }}
{{- end -}}
