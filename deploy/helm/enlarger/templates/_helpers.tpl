{{- define "enlarger.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{- /* Labels of everything; with a lane in the dict, of what belongs to it. */}}
{{- define "enlarger.selector" -}}
app.kubernetes.io/name: enlarger
app.kubernetes.io/instance: {{ .root.Release.Name }}
{{- with .lane }}
app.kubernetes.io/component: {{ . }}
{{- end }}
{{- end }}

{{- define "enlarger.labels" -}}
{{ include "enlarger.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
helm.sh/chart: {{ .root.Chart.Name }}-{{ .root.Chart.Version }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
{{- end }}

{{- define "enlarger.podSecurity" -}}
automountServiceAccountToken: false
{{- with .Values.serviceAccount }}
serviceAccountName: {{ . }}
{{- end }}
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "enlarger.containerSecurity" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
{{- end }}

{{- /* One environment variable out of a Secret: dict "as" NAME "ref" {name, key}. */}}
{{- define "enlarger.secretEnv" -}}
- name: {{ .as }}
  valueFrom:
    secretKeyRef:
      name: {{ .ref.name }}
      key: {{ .ref.key }}
      {{- if .ref.optional }}
      optional: true
      {{- end }}
{{- end }}

{{- /* What a lane is called in metrics: its worker, but each of the finisher's lanes by its own name. */}}
{{- define "enlarger.service" -}}
{{ if eq (first .args) "finisher" }}{{ .lane }}{{ else }}{{ first .args }}{{ end }}
{{- end }}
