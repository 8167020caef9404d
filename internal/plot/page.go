package plot

import (
	"bytes"
	"fmt"
	"html/template"
	"io"
)

// Page is what a page shows.
type Page struct {
	Title     string
	Runs      []Run // with their colours; none for a dataset
	Charts    []Chart
	Smoothing float64
	Facts     [][2]string // a table of names and values
	Refresh   bool        // a script fetches the content again every few seconds
}

// The page holds all that it shows. Its texts are escaped, and its pictures made here.
var pageTemplate = template.Must(template.New("page").Parse(`<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{{.Title}}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
body { font-family: system-ui, sans-serif; margin: 1.5em; color: #222 }
figure { display: inline-block; margin: 0 1em 1em 0 }
svg { max-width: 100%; height: auto }
svg text { font-family: system-ui, sans-serif !important }
td, th { padding: .1em 1em .1em 0; text-align: left; vertical-align: top }
.run { display: inline-block; width: 1.5em; height: .3em; margin-right: .5em; vertical-align: middle }
</style></head>
<body><h1>{{.Title}}</h1>
<main id="content">{{template "content" .}}</main>
{{if .Refresh}}<script>
setInterval(async () => {
	try {
		const answer = await fetch("content")
		if (answer.ok) document.getElementById("content").innerHTML = await answer.text()
	} catch { /* the program has ended */ }
}, 3000)
</script>{{end}}
</body></html>
{{define "content"}}{{if .Facts}}<table>{{range .Facts}}
<tr><th>{{index . 0}}</th><td>{{index . 1}}</td></tr>{{end}}
</table>{{end}}{{if .Legend}}<table>{{range .Legend}}
<tr><td><span class="run" style="background: {{.Color}}"></span>{{.Name}}</td><td>{{.Summary}}</td></tr>{{end}}
</table>
<p>Pale: as reported; strong: smoothed; dashed: on held-out data.</p>{{end}}
{{range .Pictures}}<figure>{{.}}</figure>
{{else}}<p>Nothing is reported yet.</p>{{end}}{{end}}`))

// legend is a line about a run.
type legend struct {
	Color         template.CSS
	Name, Summary string
}

// content is what the template reads.
type content struct {
	Page
	Legend   []legend
	Pictures []template.HTML
}

func (p Page) content() (content, error) {
	c := content{Page: p}
	for i, run := range p.Runs {
		color := colorOf(i)
		c.Legend = append(c.Legend, legend{
			template.CSS(fmt.Sprintf("rgb(%d, %d, %d)", color.R, color.G, color.B)), run.Name, Summary(run),
		})
	}
	for _, chart := range p.Charts {
		picture, err := chart.svg(p.Smoothing)
		if err != nil {
			return c, err
		}
		if i := bytes.Index(picture, []byte("<svg")); i > 0 { // without the declaration of XML
			picture = picture[i:]
		}
		c.Pictures = append(c.Pictures, template.HTML(picture))
	}
	return c, nil
}

// Write writes the page.
func (p Page) Write(w io.Writer) error { return p.execute(w, "page") }

// WriteContent writes what the page fetches again.
func (p Page) WriteContent(w io.Writer) error { return p.execute(w, "content") }

func (p Page) execute(w io.Writer, name string) error {
	c, err := p.content()
	if err != nil {
		return err
	}
	var text bytes.Buffer
	if err := pageTemplate.ExecuteTemplate(&text, name, c); err != nil {
		return err
	}
	_, err = w.Write(text.Bytes())
	return err
}
