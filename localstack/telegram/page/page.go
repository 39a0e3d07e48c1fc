// Package page is the chat page of the Telegram simulator.
package page

import (
	"embed"
	"io/fs"
	"net/http"
)

//go:embed static
var embedded embed.FS

// Handler serves the page at / and its parts under /static/.
func Handler() http.Handler {
	static, err := fs.Sub(embedded, "static")
	if err != nil {
		panic("page: the embedded folder is missing: " + err.Error()) // Impossible once it is compiled.
	}

	parts := http.StripPrefix("/static/", http.FileServerFS(static))
	mux := http.NewServeMux()
	mux.Handle("GET /static/", parts)
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		http.ServeFileFS(w, r, static, "page.html")
	})

	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("Cache-Control", "no-cache")
		header.Set("X-Content-Type-Options", "nosniff")
		// Everything the page shows comes from bots and is not trusted.
		header.Set("Content-Security-Policy", "default-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; "+
			"frame-src http: https:; style-src 'self'; script-src 'self'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'")
		mux.ServeHTTP(w, r)
	})
}
