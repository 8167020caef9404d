package plot

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/http"
	"time"
)

// Serve serves the pages that make returns at a listener until ctx ends. Only programs of this machine that name it by a
// loopback address are answered, so that a page of another site cannot read along.
func Serve(ctx context.Context, listener net.Listener, make func() (Page, error)) error {
	answer := func(write func(Page, *bytes.Buffer) error) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			host, _, err := net.SplitHostPort(r.Host)
			if ip := net.ParseIP(host); err != nil || host != "localhost" && (ip == nil || !ip.IsLoopback()) {
				http.Error(w, "this page is for this machine alone", http.StatusForbidden)
				return
			}
			page, err := make()
			var text bytes.Buffer
			if err == nil {
				page.Refresh = true
				err = write(page, &text)
			}
			if err != nil {
				http.Error(w, err.Error(), http.StatusInternalServerError)
				return
			}
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			w.Header().Set("Cache-Control", "no-store")
			_, _ = w.Write(text.Bytes()) // a reader that has gone is no matter
		}
	}
	pages := http.NewServeMux()
	pages.HandleFunc("GET /{$}", answer(func(p Page, to *bytes.Buffer) error { return p.Write(to) }))
	pages.HandleFunc("GET /content", answer(func(p Page, to *bytes.Buffer) error { return p.WriteContent(to) }))
	server := &http.Server{Handler: pages, ReadHeaderTimeout: 10 * time.Second}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
