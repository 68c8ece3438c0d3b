# Makes an image of one layer that holds one static binary, and gives it to the node: no registry, no other tool.

load_image() { # NAME IMAGE:TAG BINARY [ARGUMENT...]
    (($# >= 3)) || usage_error "image: write 'image NAME IMAGE:TAG BINARY [ARGUMENT...]'"
    require_cluster "$1"
    shift
    [[ $1 =~ ^[a-z0-9][a-z0-9._/-]*:[A-Za-z0-9._-]+$ ]] || usage_error "image: '$1' is not IMAGE:TAG"
    [[ -f $2 && -x $2 ]] || die "'$2' is not an executable file"
    [[ $(ldd "$2" 2>/dev/null || true) != *'=>'* ]] || die "'$2' is dynamically linked and cannot run in an empty image: link it statically"
    if [[ $pods == kwok ]]; then
        say "the fake pods of '$name' need no image"
        return
    fi
    is_alive containerd || die "containerd of the cluster '$name' does not run: '$program start $name containerd'"
    import_image "$@"
    say "$1 is on the node"
}

import_image() { # IMAGE:TAG BINARY [ARGUMENT...]
    local folder config
    folder=$(mktemp -d "$state/image.XXXXXX")
    write_image "$folder" "$@"
    config=$(sha256sum <"$folder/image/config.json")
    # A tag that stood for another binary would only be moved, and kubelet would never see the new digest.
    containerd_images rm "docker.io/$1" >/dev/null 2>&1 || true
    tar -C "$folder/image" -cf - manifest.json config.json layer.tar | containerd_images import - >/dev/null ||
        { rm -rf "$folder"; die "containerd did not take the image $1"; }
    rm -rf "$folder"
    # kubelet can see the image once containerd has also registered it under the digest of its config.
    wait_for 10 image_is_known "sha256:${config%% *}" || die "the image $1 does not appear on the node"
}

containerd_images() { inside_node ctr --namespace k8s.io images "$@"; }

image_is_known() { containerd_images ls -q | grep -qx "$1"; }

write_image() { # FOLDER IMAGE:TAG BINARY [ARGUMENT...]
    local folder=$1 image=$2 binary=$3 program_name layer architecture
    program_name=$(basename "$3")
    shift 3
    case $(uname -m) in
        x86_64) architecture=amd64 ;;
        aarch64) architecture=arm64 ;;
        *) architecture=$(uname -m) ;;
    esac
    mkdir -p "$folder/root/tmp" "$folder/image"
    chmod 1777 "$folder/root/tmp"
    install -m 0755 "$binary" "$folder/root/$program_name"
    # The same binary gives the same layer.
    tar -C "$folder/root" --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -cf "$folder/image/layer.tar" "$program_name" tmp
    layer=$(sha256sum <"$folder/image/layer.tar")
    printf '{"architecture":"%s","os":"linux","config":{"Entrypoint":%s,"Cmd":%s,"WorkingDir":"/"},"rootfs":{"type":"layers","diff_ids":["sha256:%s"]}}' \
        "$architecture" "$(json_list "/$program_name")" "$(json_list "$@")" "${layer%% *}" >"$folder/image/config.json"
    printf '[{"Config":"config.json","RepoTags":[%s],"Layers":["layer.tar"]}]' "$(json_string "$image")" >"$folder/image/manifest.json"
}

json_list() {
    local separator='' text='['
    while (($#)); do
        text+=$separator$(json_string "$1")
        separator=,
        shift
    done
    printf '%s]' "$text"
}

json_string() {
    [[ $1 != *[[:cntrl:]]* ]] || die "an argument of an image must not have control characters"
    local text=${1//\\/\\\\}
    printf '"%s"' "${text//\"/\\\"}"
}
