// Package ext has no fields, so it adds nothing to Traefik's configuration.
package ext

// HTTP extends the HTTP part of the configuration.
type HTTP struct{}

// Router extends one router.
type Router struct{}
