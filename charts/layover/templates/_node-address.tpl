{{/* URL at which nodes reach the release, with NODE or ADDRESS where it is known later; empty when there is none. */}}
{{- define "layover.nodeAddress" -}}
{{- $scheme := include "layover.scheme" . -}}
{{- if .Values.nodeConfig.address -}}
{{- .Values.nodeConfig.address -}}
{{- else if eq .Values.nodeAccess.type "nodePort" -}}
{{- printf "%s://NODE:%v" $scheme .Values.nodeAccess.port -}}
{{- else if include "layover.loadBalancer" . -}}
{{- printf "%s://ADDRESS:%v" $scheme (ternary .Values.service.port 5000 (eq .Values.nodeAccess.type "none")) -}}
{{- else if and .Values.gateway.enabled .Values.gateway.hostnames -}}
{{- printf "https://%s" (first .Values.gateway.hostnames) -}}
{{- else if .Values.ingress.enabled -}}
{{- printf "%s://%s" (ternary "https" "http" (gt (len .Values.ingress.tls) 0)) (first .Values.ingress.hosts) -}}
{{- end -}}
{{- end -}}

{{/* Name of the Service with a load balancer; empty when there is none. */}}
{{- define "layover.loadBalancer" -}}
{{- if eq .Values.nodeAccess.type "loadBalancer" -}}
{{ include "layover.fullname" . }}-node
{{- else if and (eq .Values.nodeAccess.type "none") (eq .Values.service.type "LoadBalancer") -}}
{{ include "layover.fullname" . }}
{{- end -}}
{{- end -}}
