# Makes images of one layer, for example one static binary, and gives them to the node: no registry, no other tool.

load_image() { # NAME IMAGE:TAG BINARY [ARGUMENT...]
    (($# >= 3)) || usage_error "image: write 'image NAME IMAGE:TAG BINARY [ARGUMENT...]'"
    require_cluster "$1"
    shift
    require_image_name "$1"
    [[ -f $2 && -x $2 ]] || die "'$2' is not an executable file"
    [[ $(ldd "$2" 2>/dev/null || true) != *'=>'* ]] || die "'$2' is dynamically linked and cannot run in an empty image: link it statically"
    takes_images || return 0
    import_image "$@"
    say "$1 is on the node"
}

require_image_name() { # IMAGE:TAG
    [[ $1 =~ ^[a-z0-9][a-z0-9._/-]*:[A-Za-z0-9._-]+$ ]] || usage_error "image: '$1' is not IMAGE:TAG"
}

# Whether there is a node for images.
takes_images() {
    [[ $pods != kwok ]] || { say "the fake pods of '$name' need no image"; return 1; }
    is_alive containerd || die "containerd of the cluster '$name' does not run: '$program start $name containerd'"
}

import_image() { # IMAGE:TAG BINARY [ARGUMENT...]
    local folder
    folder=$(mktemp -d "$state/image.XXXXXX")
    write_image "$folder" "$@"
    import_folder "$folder" "$1"
}

import_folder() { # FOLDER IMAGE:TAG
    local folder=$1 config
    config=$(sha256sum <"$folder/image/config.json")
    # A tag that stood for another binary would only be moved, and kubelet would never see the new digest.
    containerd_images rm "docker.io/$2" >/dev/null 2>&1 || true
    tar -C "$folder/image" -cf - manifest.json config.json layer.tar | containerd_images import - >/dev/null ||
        { rm -rf "$folder"; die "containerd did not take the image $2"; }
    rm -rf "$folder"
    # kubelet can see the image once containerd has also registered it under the digest of its config.
    wait_for 10 image_is_known "sha256:${config%% *}" || die "the image $2 does not appear on the node"
    add_digest "docker.io/$2"
}

# As if it had been pulled: kubelet tells the digest of an image that is also named by it, and can start it by that name.
add_digest() { # REFERENCE
    local digest
    digest=$(containerd_images ls "name==$1" | awk 'NR == 2 { print $3 }')
    [[ $digest == sha256:* ]] || die "containerd does not tell the digest of $1"
    containerd_images tag --force "$1" "${1%:*}@$digest" >/dev/null
}

containerd_images() { inside_node ctr --namespace k8s.io images "$@"; }

image_is_known() { containerd_images ls -q | grep -qx "$1"; }

write_image() { # FOLDER IMAGE:TAG BINARY [ARGUMENT...]
    local folder=$1 image=$2 program_name
    program_name=$(basename "$3")
    mkdir -p "$folder/root/tmp"
    chmod 1777 "$folder/root/tmp"
    install -m 0755 "$3" "$folder/root/$program_name"
    pack_image "$folder" "$image" "$(printf '"Entrypoint":%s,"Cmd":%s,"WorkingDir":"/"' "$(json_list "/$program_name")" "$(json_list "${@:4}")")"
}

# Makes FOLDER/image of what is in FOLDER/root. The same files give the same layer.
pack_image() { # FOLDER IMAGE:TAG CONFIG
    local folder=$1 layer architecture
    case $(uname -m) in
        x86_64) architecture=amd64 ;;
        aarch64) architecture=arm64 ;;
        *) architecture=$(uname -m) ;;
    esac
    mkdir -p "$folder/image"
    (
        cd "$folder/root"
        shopt -s dotglob
        tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -cf "$folder/image/layer.tar" -- *
    )
    layer=$(sha256sum <"$folder/image/layer.tar")
    printf '{"architecture":"%s","os":"linux","config":{%s},"rootfs":{"type":"layers","diff_ids":["sha256:%s"]}}' \
        "$architecture" "$3" "${layer%% *}" >"$folder/image/config.json"
    printf '[{"Config":"config.json","RepoTags":[%s],"Layers":["layer.tar"]}]' "$(json_string "$2")" >"$folder/image/manifest.json"
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
