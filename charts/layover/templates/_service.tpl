{{/* Fields of the Services that clients use. */}}
{{- define "layover.serviceOptions" -}}
sessionAffinity: None
{{- with .Values.service.ipFamilyPolicy }}
ipFamilyPolicy: {{ . }}
{{- end }}
{{- with .Values.service.ipFamilies }}
ipFamilies: {{ toJson . }}
{{- end }}
{{- with .Values.service.trafficDistribution }}
trafficDistribution: {{ . | quote }}
{{- end }}
{{- end -}}
