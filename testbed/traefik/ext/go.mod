// What Traefik asks of its extension point, without any extension.
module github.com/traefik/traefik/dynamic/ext

go 1.26.0
