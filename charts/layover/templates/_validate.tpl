{{/* What the schema cannot express, each with the value to change. */}}
{{- define "layover.validate" -}}
{{- include "layover.validateMode" . -}}
{{- include "layover.validateConfig" . -}}
{{- include "layover.validateAccess" . -}}
{{- end -}}

{{- define "layover.validateMode" -}}
{{- if eq .Values.mode "disk" -}}
{{- if gt (include "layover.replicas" . | int) 1 -}}
{{- fail "replicas: several replicas need mode shared, with S3 and Redis: with a disk each they would fetch everything several times (set mode: shared, or replicas: 1)" -}}
{{- end -}}
{{- if .Values.autoscaling.enabled -}}
{{- fail "autoscaling.enabled: a release with mode disk has one replica (set mode: shared)" -}}
{{- end -}}
{{- else -}}
{{- if not .Values.s3.bucket -}}
{{- fail "s3.bucket: mode shared keeps content in S3 (set s3.bucket, or mode: disk)" -}}
{{- end -}}
{{- if not (or .Values.s3.region .Values.s3.endpoint) -}}
{{- fail "s3.region: a bucket needs its region, or the address of its store (set s3.region or s3.endpoint)" -}}
{{- end -}}
{{- if not .Values.redis.addrs -}}
{{- fail "redis.addrs: the replicas of mode shared find each other through Redis (set redis.addrs, or mode: disk)" -}}
{{- end -}}
{{- if include "layover.tlsSecret" . -}}
{{- fail "tls: replicas reach each other by pod address, which no certificate names (with mode shared, terminate TLS at an Ingress, a Gateway or a load balancer)" -}}
{{- end -}}
{{- if and (hasKey (dig "auth" dict .Values.config) "issuer") (not .Values.auth.issuerKeySecret.name) -}}
{{- fail "auth.issuerKeySecret.name: replicas need one key for their tokens (set auth.issuerKeySecret.name)" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Keys that other objects of the release depend on, and secrets, which do not belong into a ConfigMap. */}}
{{- define "layover.validateConfig" -}}
{{- $reserved := dict
  "http.addr" "service.port" "http.net" "service.type" "http.debug.addr" "networkPolicy"
  "http.draindelay" "drain.delaySeconds" "http.draintimeout" "drain.timeoutSeconds"
  "http.tls.certificate" "tls.existingSecret" "http.tls.key" "tls.existingSecret"
  "http.debug.prometheus.path" "extraObjects"
  "admin.addr" "admin.existingSecret" "storage.filesystem.rootdirectory" "persistence"
  "proxy.fills.advertise" "fills.advertise" "proxy.fills.directory" "spool"
  "proxy.password" "upstreams[].credentials.existingSecret"
  "redis.password" "redis.existingSecret" "redis.sentinelpassword" "extraEnv with REGISTRY_REDIS_SENTINELPASSWORD"
  "storage.s3.secretkey" "s3.existingSecret" "storage.s3.accesskey" "s3.existingSecret"
  "http.secret" "extraEnv with REGISTRY_HTTP_SECRET" "admin.token" "admin.existingSecret" -}}
{{- range $path, $instead := $reserved -}}
{{- $found := $.Values.config -}}
{{- range $part := splitList "." $path -}}
{{- $found = ternary (get (ternary $found dict (kindIs "map" $found)) $part) "" (hasKey (ternary $found dict (kindIs "map" $found)) $part) -}}
{{- end -}}
{{- if $found -}}
{{- fail (printf "config.%s: other objects of the release depend on it, or it is a secret (set %s)" $path $instead) -}}
{{- end -}}
{{- end -}}
{{- $upstreams := dig "proxy" "upstreams" list .Values.config -}}
{{- if and $upstreams .Values.upstreams -}}
{{- fail "config.proxy.upstreams: upstreams is set as well (keep one of them)" -}}
{{- end -}}
{{- range $upstreams -}}
{{- range .credentials -}}
{{- if .password -}}
{{- fail "config.proxy.upstreams: a password does not belong into a ConfigMap (set upstreams[].credentials.existingSecret)" -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "layover.validateAccess" -}}
{{- range $index, $upstream := .Values.upstreams -}}
{{- with $upstream.credentials -}}
{{- if not (or .existingSecret .dockerConfigSecret) -}}
{{- fail (printf "upstreams[%d].credentials: set existingSecret or dockerConfigSecret" $index) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if and .Values.auth.policy (not .Values.auth.htpasswdSecret.name) -}}
{{- fail "auth.policy: rules need users (set auth.htpasswdSecret.name)" -}}
{{- end -}}
{{- if and (or .Values.metrics.serviceMonitor.enabled .Values.metrics.podMonitor.enabled) (not .Values.metrics.enabled) -}}
{{- fail "metrics.enabled: a monitor needs metrics (set metrics.enabled: true)" -}}
{{- end -}}
{{- if and .Values.tls.certManager.enabled (not .Values.tls.certManager.issuerRef.name) -}}
{{- fail "tls.certManager.issuerRef.name: name the Issuer (set tls.certManager.issuerRef.name)" -}}
{{- end -}}
{{- if and .Values.ingress.enabled (not .Values.ingress.hosts) -}}
{{- fail "ingress.hosts: an Ingress without a host takes over all of them (set ingress.hosts)" -}}
{{- end -}}
{{- if and .Values.gateway.enabled (not .Values.gateway.parentRefs) -}}
{{- fail "gateway.parentRefs: name the Gateway (set gateway.parentRefs)" -}}
{{- end -}}
{{- if .Values.nodeConfig.enabled -}}
{{- if not (or .Values.nodeConfig.address (eq .Values.nodeAccess.type "nodePort")) -}}
{{- fail "nodeConfig.address: nodes need an address that they can reach (set nodeConfig.address, or nodeAccess.type: nodePort)" -}}
{{- end -}}
{{- if and (not .Values.nodeConfig.address) (include "layover.tlsSecret" .) -}}
{{- fail "nodeConfig.address: with TLS, nodes need the name in the certificate (set nodeConfig.address)" -}}
{{- end -}}
{{- end -}}
{{- end -}}
