# Assembles the final stage of a Dockerfile without Docker, and gives it to the node. What is not known here, be it an
# instruction, a flag or a way to write them, is refused and never left out: the image is what the Dockerfile says.

load_image_of() { # NAME IMAGE:TAG DOCKERFILE STAGE:PATH=FOLDER [ARG=VALUE...]
    (($# >= 4)) || usage_error "image-of: write 'image-of NAME IMAGE:TAG DOCKERFILE STAGE:PATH=FOLDER [ARG=VALUE...]'"
    require_cluster "$1"
    require_image_name "$2"
    [[ -f $3 ]] || die "there is no Dockerfile '$3'"
    [[ $4 =~ ^([a-z0-9-]+):(/[^=]*)=(.+)$ && -d ${BASH_REMATCH[3]} ]] ||
        usage_error "image-of: '$4' is not STAGE:PATH=FOLDER, the folder that stands for PATH in that stage"
    takes_images || return 0
    local folder size
    folder=$(mktemp -d "$state/image.XXXXXX")
    mkdir -p "$folder/root"
    write_final_stage "$folder" "${@:2}"
    size=$(stat --format=%s "$folder/image/layer.tar")
    say "$2 has $((size / 1000)) kB, $(($(gzip -c "$folder/image/layer.tar" | wc -c) / 1000)) kB compressed"
    import_folder "$folder" "$2"
    say "$2 is on the node"
}

write_final_stage() { # FOLDER IMAGE:TAG DOCKERFILE STAGE:PATH=FOLDER [ARG=VALUE...]
    local folder=$1 image=$2 dockerfile=$3 copied_from=$4 lines instruction rest pair expanded config
    local user='' directory=/ entrypoint='' environment=() labels=() pairs=()
    declare -A given=() values=()
    for pair in "${@:5}"; do
        [[ $pair =~ ^([A-Z_]+)=([^[:cntrl:]]*)$ ]] || usage_error "image-of: '$pair' is not ARG=VALUE"
        given[${BASH_REMATCH[1]}]=${BASH_REMATCH[2]}
    done
    lines=$(final_stage "$dockerfile")
    while read -r instruction rest; do
        case $instruction in
            FROM) [[ $rest == scratch ]] || refuse "only 'FROM scratch' can be assembled" ;;
            ARG)
                [[ $rest =~ ^[A-Z_]+$ ]] || refuse "write 'ARG NAME'"
                [[ -v given[$rest] ]] || usage_error "image-of: the Dockerfile asks for $rest=VALUE"
                values[$rest]=${given[$rest]} ;;
            COPY) copy_from_stage ;;
            LABEL) read_pairs; labels+=("${pairs[@]}") ;;
            ENV) read_pairs; environment+=("${pairs[@]}") ;;
            USER) [[ $rest =~ ^[0-9]+(:[0-9]+)?$ ]] || refuse "an empty image knows no user's name"; user=$rest ;;
            WORKDIR) [[ $rest =~ ^/[A-Za-z0-9._/-]*$ ]] || refuse "not an absolute path"; directory=$rest ;;
            ENTRYPOINT)
                [[ $rest =~ ^\[\"[^\"\\$]+\"(,[[:space:]]*\"[^\"\\$]*\")*\]$ ]] || refuse "write a list in JSON: there is no shell"
                entrypoint=$rest ;;
            *) refuse "this instruction is not known" ;;
        esac
    done <<<"$lines"
    [[ -n $entrypoint ]] || die "$dockerfile: the final stage has no ENTRYPOINT"
    config="\"Entrypoint\":$entrypoint,\"User\":$(json_string "$user"),\"WorkingDir\":$(json_string "$directory")"
    config+=",\"Env\":$(json_list "${environment[@]}"),\"Labels\":$(json_map "${labels[@]}")"
    pack_image "$folder" "$image" "$config"
}

refuse() { die "$dockerfile: '$instruction $rest': $1"; }

# Prints the instructions of the last stage, one a line: a comment does not count, and a line that ends with \ goes on.
final_stage() { # DOCKERFILE
    sed -e '/^[[:space:]]*#/d' -e '/^[[:space:]]*$/d' "$1" |
        sed -e ':more' -e '/\\$/{' -e 'N' -e 's/\\\n[[:space:]]*/ /' -e 'b more' -e '}' |
        awk '$1 == "FROM" { text = "" } { text = text $0 "\n" } END { printf "%s", text }'
}

# COPY --from=STAGE SOURCE TARGET, as Docker has it: of a folder what is in it.
copy_from_stage() {
    local stage=${copied_from%%:*} mapping=${copied_from#*:} path source target
    [[ $rest =~ ^--from=([a-z0-9-]+)\ (/[^[:space:]*?\$]+)\ (/[^[:space:]\$]*)$ ]] || refuse "write 'COPY --from=STAGE /SOURCE /TARGET'"
    path=${BASH_REMATCH[2]%/} target=$folder/root${BASH_REMATCH[3]}
    [[ ${BASH_REMATCH[1]} == "$stage" && $path/ == "${mapping%%=*}"/* ]] || refuse "only '$copied_from' is given"
    source=${mapping#*=}${path#"${mapping%%=*}"}
    [[ -e $source ]] || refuse "there is no '$source'"
    if [[ -d $source ]]; then
        mkdir -p "$target"
        cp -a "$source/." "$target/"
    else
        mkdir -p "$(dirname "${target}.")"
        cp -aL "$source" "$target"
    fi
}

# NAME=VALUE or NAME="VALUE", several on a line, into $pairs.
read_pairs() {
    local text=$rest value
    pairs=()
    while [[ $text =~ ^([A-Za-z0-9._-]+)=(\"([^\"\\]*)\"|([^[:space:]\"\'\\]+))([[:space:]]+(.*))?$ ]]; do
        text=${BASH_REMATCH[6]}
        pairs+=("${BASH_REMATCH[1]}=")
        value=${BASH_REMATCH[3]}${BASH_REMATCH[4]}
        with_values "$value"
        pairs[-1]+=$expanded
    done
    [[ -z $text && ${#pairs[@]} -gt 0 ]] || refuse "not understood from '$text' on"
}

# Puts the values of the stage's ARGs in, into $expanded.
with_values() { # TEXT
    local text=$1
    expanded=''
    while [[ $text =~ ^([^\$]*)\$([A-Z_]+)(.*)$ ]]; do
        [[ -v values[${BASH_REMATCH[2]}] ]] || refuse "no ARG of the final stage is named ${BASH_REMATCH[2]}"
        expanded+=${BASH_REMATCH[1]}${values[${BASH_REMATCH[2]}]}
        text=${BASH_REMATCH[3]}
    done
    [[ $text != *\$* ]] || refuse "only '\$NAME' is known"
    expanded+=$text
}

json_map() { # NAME=VALUE...
    local separator='' text='{' pair
    for pair; do
        text+=$separator$(json_string "${pair%%=*}"):$(json_string "${pair#*=}")
        separator=,
    done
    printf '%s}' "$text"
}
