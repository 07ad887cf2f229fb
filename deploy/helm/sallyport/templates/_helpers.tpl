{{- define "sallyport.name" -}}
{{- if contains "sallyport" .Release.Name }}{{ .Release.Name | trunc 52 | trimSuffix "-" }}
{{- else }}{{ printf "%s-sallyport" (.Release.Name | trunc 42 | trimSuffix "-") }}
{{- end }}
{{- end }}

{{- define "sallyport.selector" -}}
app.kubernetes.io/name: sallyport
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "sallyport.labels" -}}
{{ include "sallyport.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- define "sallyport.image" -}}
{{- with .Values.image -}}
{{- if .digest }}{{ .repository }}@{{ .digest }}
{{- else }}{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}
{{- end }}
{{- end }}
{{- end }}

{{- /* What the schema cannot say: values that need or exclude each other. */}}
{{- define "sallyport.check" -}}
{{- $values := .Values }}
{{- $_ := required "publicUrl is missing: what clients call, such as https://notes.example.com/mcp" $values.publicUrl }}
{{- if not (or $values.config $values.server.tools) }}
{{- fail "server.tools is missing: the tools that may be called, such as [notes.*]" }}
{{- end }}
{{- $many := or $values.autoscaling.enabled (gt (int $values.replicas) 1) }}
{{- if and $many $values.audit.existingClaim }}
{{- fail "audit.existingClaim allows one replica, because an audit trail belongs to one gateway: set replicas to 1 and autoscaling.enabled to false, or leave the claim out and ship copies with audit.sinks in `config`" }}
{{- end }}
{{- if and $many (not $values.sessions.secretName) }}
{{- fail "sessions.secretName is missing: replicas open each other's sessions only with the same key; name a Secret whose entry `key` holds 32 bytes" }}
{{- end }}
{{- with $values.autoscaling }}
{{- if and .enabled (gt (int .minReplicas) (int .maxReplicas)) }}
{{- fail "autoscaling.minReplicas is more than autoscaling.maxReplicas" }}
{{- end }}
{{- end }}
{{- end }}
