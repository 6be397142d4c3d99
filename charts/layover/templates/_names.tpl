{{- define "layover.fullname" -}}
{{- $name := .Values.nameOverride | default .Chart.Name -}}
{{- $full := ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) -}}
{{- .Values.fullnameOverride | default $full | trunc 50 | trimSuffix "-" -}}
{{- end -}}

{{- define "layover.serviceAccountName" -}}
{{- $default := ternary (include "layover.fullname" .) "default" .Values.serviceAccount.create -}}
{{- .Values.serviceAccount.name | default $default -}}
{{- end -}}

{{- define "layover.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{ .repository }}@{{ .digest }}
{{- else -}}
{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "layover.tlsSecret" -}}
{{- $own := printf "%s-tls" (include "layover.fullname" .) -}}
{{- .Values.tls.existingSecret | default (ternary $own "" .Values.tls.certManager.enabled) -}}
{{- end -}}

{{- define "layover.scheme" -}}
{{- ternary "https" "http" (ne (include "layover.tlsSecret" .) "") -}}
{{- end -}}

{{- define "layover.claimName" -}}
{{- .Values.persistence.existingClaim | default (printf "%s-data" (include "layover.fullname" .)) -}}
{{- end -}}

{{/* Replicas of a release without autoscaling. */}}
{{- define "layover.replicas" -}}
{{- $default := ternary 1 2 (eq .Values.mode "disk") -}}
{{- ternary .Values.replicas $default (hasKey .Values "replicas") -}}
{{- end -}}

{{/* Mebibytes of a fraction of a Kubernetes quantity: (dict "quantity" "100Gi" "fraction" 0.85) */}}
{{- define "layover.mebibytes" -}}
{{- $units := dict "" 1.0 "k" 1e3 "M" 1e6 "G" 1e9 "T" 1e12 "P" 1e15 "Ki" 1024.0 "Mi" 1048576.0 "Gi" 1073741824.0 "Ti" 1099511627776.0 "Pi" 1125899906842624.0 -}}
{{- $unit := regexFind "[A-Za-z]*$" .quantity -}}
{{- $number := trimSuffix $unit .quantity | float64 -}}
{{- printf "%.0fMiB" (floor (divf (mulf $number (get $units $unit) .fraction) 1048576.0)) -}}
{{- end -}}
