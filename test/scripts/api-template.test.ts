import { describe, expect, it } from 'vitest';

import { renderTemplate } from '../../scripts/api-template/render.ts';

const DATA = { Name: 'x', Empty: '', List: ['a', 'b'], Items: [{ Value: 1 }, { Value: 2 }], None: [] };

// The expected texts are those of Go's text/template.
describe('renderTemplate', () => {
  it.each([
    ['text and a field', 'a {{.Name}} b', 'a x b'],
    ['trimmed text', 'a \n {{- .Name -}} \n b', 'axb'],
    ['a comment', 'a{{/* }} */}}b{{- /* c */ -}} d', 'abd'],
    ['strings with delimiters', '{{ "{{<\\n>}}" }}{{ `{{` }}', '{{<\n>}}{{'],
    ['if, else if and else', '{{if .Empty}}1{{else if .None}}2{{else}}3{{end}}', '3'],
    ['with', '{{with .Name}}{{.}}{{$.Empty}}{{else}}no{{end}}{{with .Empty}}{{else}}no{{end}}', 'xno'],
    ['range over one variable', '{{range $e := .Items}}{{$e.Value}}{{.Value}};{{end}}', '11;22;'],
    ['range over two variables', '{{range $i, $e := .List}}{{if $i}},{{end}}{{$i}}={{$e}}{{end}}', '0=a,1=b'],
    ['range over nothing', '{{range .None}}a{{else}}b{{end}}', 'b'],
    ['an outer variable that is set', '{{$n := 0}}{{range .List}}{{$n = .}}{{end}}{{$n}}', 'b'],
    ['a variable of a block', '{{$n := 1}}{{range .List}}{{$n := .}}{{$n}}{{end}}{{$n}}', 'ab1'],
    ['a pipeline with parentheses', '{{(index .Items 1).Value | printf "%d-%s" 7}}', '7-2'],
    ['and, or, not', '{{and .Name .Empty}}|{{or .Empty "z"}}|{{not .None}}', '|z|true'],
    ['comparisons', '{{eq "a" "b" "a"}} {{ne 1 2}} {{lt 1 2}} {{ge "b" "a"}}', 'true true true true'],
    ['print', '{{print 1 2 "x" 3}}{{println "y" 4}}', '1 2x3y 4\n'],
    ['len', '{{len .List}}{{len "é"}}', '22'],
  ])('renders %s', (_, source, expected) => {
    expect(renderTemplate(source, DATA)).toBe(expected);
  });

  it('calls further functions, also at the end of a pipeline', () => {
    const functions = { loud: (text: unknown) => String(text).toUpperCase() };
    expect(renderTemplate('{{.Name | loud}}{{loud "y"}}', DATA, functions)).toBe('XY');
  });

  it.each([
    ['a field that does not exist', '\n{{.Absent}}', "line 2: can't evaluate field Absent"],
    ['an inherited property', '{{.constructor}}', "line 1: can't evaluate field constructor"],
    ['an unknown function', '{{foo .Name}}', 'line 1: function "foo" not defined'],
    ['a property of all objects as a function', '{{toString}}', 'line 1: function "toString" not defined'],
    ['a block that does not end', '{{if .Name}}a', 'line 1: if without end'],
    ['an end without a block', 'a\n\n{{end}}', 'line 3: unexpected end'],
    ['an action that does not end', '{{.Name', 'line 1: unclosed action'],
    ['a comment that does not end', '{{.Name}} {{/* a }}', 'line 1: unclosed comment'],
    ['a variable outside of its block', '{{range $e := .List}}{{end}}{{$e}}', 'line 1: undefined variable $e'],
    ['actions that are not supported', '{{define "a"}}{{end}}', 'line 1: define is not supported'],
    ['an empty action', '{{}}', 'line 1: missing value for command'],
  ])('refuses %s, with the line', (_, source, message) => {
    expect(() => renderTemplate(source, DATA)).toThrow(message);
  });
});
