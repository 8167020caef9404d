package plot

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"image/png"
	"io"
	"math"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"uer/internal/record"
)

var noon = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

// entry is a record after some seconds.
func entry(event string, step, seconds int, figures map[string]float64) record.Entry {
	return record.Entry{Event: event, Step: step, Time: noon.Add(time.Duration(seconds) * time.Second), Figures: figures}
}

// testRuns are a training that was resumed after an hour, and one that was not.
func testRuns() []Run {
	report := func(step, seconds int, loss, tokens float64) record.Entry {
		return entry(record.Report, step, seconds, map[string]float64{
			"loss": loss, "perplexity": math.Exp(loss), "learning_rate": 1e-4, record.Tokens: tokens,
		})
	}
	evaluation := entry(record.Evaluation, 20, 121, map[string]float64{"loss": 5.5, "best_loss": 5.5})
	another := entry(record.Evaluation, 30, 3661, map[string]float64{"loss": 5.25, "best_loss": 5.25})
	return []Run{
		{"runs/<a>", []record.Entry{
			entry(record.Start, 0, 0, nil), report(10, 60, 7, 1000), report(20, 120, 6, 2000), evaluation,
			entry(record.Start, 20, 3600, nil), report(30, 3660, 5, 1100), another,
		}},
		{"runs/b", []record.Entry{entry(record.Start, 0, 0, nil), report(10, 50, 6.5, 900), report(20, 100, 5.5, 1800)}},
	}
}

func TestCharts(t *testing.T) {
	for over, want := range map[string][]float64{
		OverSteps: {10, 20, 30}, OverTokens: {1000, 2000, 3100}, OverTime: {1, 2, 121./60 + 1},
	} {
		charts := Charts(testRuns(), over)
		var titles []string
		for _, c := range charts {
			titles = append(titles, c.Title)
		}
		if !slices.Equal(titles, []string{"loss", "perplexity", "learning rate"}) {
			t.Fatalf("the charts are %v", titles)
		}
		loss := charts[0]
		if len(loss.Series) != 3 || loss.Series[1].Run != 0 || !loss.Series[1].HeldOut || loss.Series[2].Run != 1 {
			t.Fatalf("the series are %+v", loss.Series)
		}
		for i, x := range loss.Series[0].X {
			if math.Abs(x-want[i]) > 1e-9 {
				t.Errorf("over %s, the first run is at %v, want %v", over, loss.Series[0].X, want)
			}
		}
		if !slices.Equal(loss.Series[0].Y, []float64{7, 6, 5}) || !charts[1].Log || charts[0].Log {
			t.Errorf("the losses are %v", loss.Series[0].Y)
		}
	}
}

func TestSmooth(t *testing.T) {
	// 0.5-weighted: (1·1 + ...)/norm by hand.
	got, want := Smooth([]float64{1, 3, 2}, 0.5), []float64{1, (0.25 + 1.5) / 0.75, (0.125 + 0.75 + 1) / 0.875}
	for i := range want {
		if math.Abs(got[i]-want[i]) > 1e-12 {
			t.Errorf("got %v, want %v", got, want)
		}
	}
	if same := Smooth([]float64{1, 3}, 0); !slices.Equal(same, []float64{1, 3}) {
		t.Errorf("without smoothing: %v", same)
	}
}

func testPage() Page {
	runs := testRuns()
	return Page{Title: "runs/<a>, runs/b", Runs: runs, Charts: Charts(runs, OverSteps), Smoothing: 0.6}
}

// TestPage: the page is complete in itself, each chart has its curves, and names cannot break out of it.
func TestPage(t *testing.T) {
	var text bytes.Buffer
	if err := testPage().Write(&text); err != nil {
		t.Fatal(err)
	}
	page := text.String()
	if n := strings.Count(page, "<svg"); n != 3 {
		t.Errorf("%d pictures", n)
	}
	for _, want := range []string{"runs/&lt;a&gt;", "step 30, loss 5, best held-out loss 5.25", "rgb(0, 114, 178)", ">learning rate</text>", "stroke-dasharray"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	for _, foreign := range []string{"<a>", "<script", "src=", "href=\"http", "@import"} {
		if strings.Contains(page, foreign) {
			t.Errorf("the page has %q", foreign)
		}
	}
	// Of each run a smoothed curve, and of the first one evaluations.
	loss := page[strings.Index(page, "<svg"):]
	loss = loss[:strings.Index(loss, "</svg>")]
	for _, style := range []string{"stroke:#0072B2;stroke-width:1.5", "stroke:#D55E00;stroke-width:1.5", "stroke:#0072B2;stroke-dasharray"} {
		if got := strings.Count(loss, style); got != 1 {
			t.Errorf("%d curves of style %s", got, style)
		}
	}
}

func TestPictures(t *testing.T) {
	dataset := Page{Charts: []Chart{{Title: "lengths", Bars: []Bar{{"0-7", 3}, {"8-15", 10}}}}}
	for name, page := range map[string]Page{"runs": testPage(), "dataset": dataset} {
		var picture bytes.Buffer
		if err := page.WritePicture(&picture, "svg"); err != nil {
			t.Fatal(err)
		}
		decoder := xml.NewDecoder(&picture)
		for {
			if _, err := decoder.Token(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
		picture.Reset()
		if err := page.WritePicture(&picture, "png"); err != nil {
			t.Fatal(err)
		}
		image, err := png.Decode(&picture)
		if err != nil || image.Bounds().Dx() < 300 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestServe: the page is served, follows what is recorded, and is refused to other names than this machine's.
func TestServe(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended, title := make(chan error, 1), "before"
	go func() {
		ended <- Serve(ctx, listener, func() (Page, error) {
			page := testPage()
			page.Facts = [][2]string{{"state", title}}
			return page, nil
		})
	}()
	get := func(path, host string) (int, string) {
		t.Helper()
		request, err := http.NewRequest(http.MethodGet, "http://"+listener.Addr().String()+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if host != "" {
			request.Host = host
		}
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		body, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		return answer.StatusCode, string(body)
	}
	if code, page := get("/", ""); code != http.StatusOK || !strings.Contains(page, "fetch(\"content\")") || !strings.Contains(page, "before") {
		t.Errorf("%d, %s", code, page)
	}
	title = "after"
	if code, content := get("/content", ""); code != http.StatusOK || !strings.Contains(content, "after") || strings.Contains(content, "<html") {
		t.Errorf("%d, %s", code, content)
	}
	if code, _ := get("/", "example.org:80"); code != http.StatusForbidden {
		t.Errorf("another name is answered with %d", code)
	}
	if code, _ := get("/other", ""); code != http.StatusNotFound {
		t.Errorf("another path is answered with %d", code)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
