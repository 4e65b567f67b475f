# The medium: which host of it this is, and whether what it has for this host is whole.
room='make room there, or name another folder: TMPDIR=/a/folder sh install.sh'

# known: the medium's hosts, one a line.
known() {
  sed -n 's|^[0-9a-f]*  hosts/\(.*\)/packages$|\1|p' "$M/SHA256SUMS"
}

# Which host this is -> host: as it was said, by the host's own name, or by asking.
which_host() {
  [ -f "$M/SHA256SUMS" ] || die 6 "$M/SHA256SUMS is missing: this is not a whole medium" 'copy the medium anew'
  if [ -z "$host" ]; then
    read -r own </proc/sys/kernel/hostname
    for name in "$own" "${own%%.*}"; do
      [ -n "$host" ] || ! known | grep -qxF -e "$name" || host=$name
    done
  fi
  [ -n "$host" ] || [ -z "$asks" ] || choose_host
  [ -n "$host" ] || die 5 "this host calls itself $own, and the medium has none of that name" "name one with --host: $(known | tr '\n' ' ')"
  known | grep -qxF -e "$host" || die 5 "the medium has nothing for a host $host" "it has: $(known | tr '\n' ' ')"
}

choose_host() {
  say 'Which host is this?'
  known | awk '{ printf "  %d  %s\n", NR, $0 }'
  printf 'number: '
  read -r number || number=
  case $number in '' | *[!0-9]*) ;; *) host=$(known | sed -n "${number}p") ;; esac
}

# Copy what the medium has for this host, releases aside, and hold the copy against the medium's sums:
# what was judged is what is used, also when the medium is pulled out -> work, H, run_prefix, numbers.
read_medium() {
  work=$(mktemp -d 2>/dev/null) || die 2 "cannot make a folder in ${TMPDIR:-/tmp}" "$room"
  H=$work/hosts/$host
  mkdir -p "$H" 2>/dev/null || die 2 "cannot make a folder in $work" "$room"
  for file in SHA256SUMS program medium $(sums "hosts/$host/" | cut -c 67-); do
    cp "$M/$file" "$work/$file" 2>/dev/null || die 6 "the medium is damaged: $file cannot be read" 'copy it anew'
  done
  whole "$work" program medium "hosts/$host/files" "hosts/$host/"
  while read -r file; do
    [ -f "$H/$file" ] || die 6 "the medium is damaged: SHA256SUMS does not name hosts/$host/$file" 'copy it anew'
  done <"$H/files"
  while read -r key value; do
    case $key in id) medium=$value ;; plan) plan=$value ;; esac
  done <"$work/medium"
  numbers=$(cut -d ' ' -f 1 "$H/packages")
  [ -n "$numbers" ] || die 6 "the medium is damaged: it has no packages for $host"
}

# sums <file, or folder with a slash>: the lines of SHA256SUMS about it.
sums() {
  awk -v wanted="$1" '
    { path = substr($0, 67) }
    path == wanted || (wanted ~ /\/$/ && index(path, wanted) == 1)' "$M/SHA256SUMS"
}

# whole <folder> <file>…: is each what the sums say? Ends it all when not.
whole() {
  folder=$1
  shift
  for wanted; do
    found=$(sums "$wanted")
    [ -n "$found" ] || die 6 "the medium is damaged: SHA256SUMS does not name $wanted" 'copy it anew'
    printf '%s\n' "$found" | (cd "$folder" && sha256sum -c) >"$work/sums" 2>/dev/null ||
      die 6 "the medium is damaged: $(sed -n 's/: FAILED.*//p' "$work/sums" | head -n 3 | tr '\n' ' ')" 'copy it anew; nothing was changed on this host'
  done
}

# The releases of this host, whole?
releases_whole() {
  for n in $numbers; do
    about "$n"
    whole "$M" "releases/$release.tar.gz"
  done
}

# Nothing stays locked for a medium that was pulled out; the record goes on from here.
torn() {
  unread=releases/$release.tar.gz
  let_go
  die 6 "the medium cannot be read: $unread" 'put it in again, or copy it anew, and run this again; nothing was changed on this host'
}

# What the medium says of a package by its number -> package, release, manifest.
about() {
  read -r _ package release manifest <<TEXT
$(sed -n "${1}p" "$H/packages")
TEXT
}
