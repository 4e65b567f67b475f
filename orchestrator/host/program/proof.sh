# The proof: is a release, byte for byte, what its signed manifest says?

# Look at one entry that a line of text cannot carry: kind, mode, sha256, target, path, path as written.
odd() {
  case $1 in
    f) [ -f "./$5" ] && [ ! -L "./$5" ] && [ "$(sha256sum <"./$5")" = "$3  -" ] ;;
    d) [ -d "./$5" ] && [ ! -L "./$5" ] ;;
    *) [ -L "./$5" ] && [ "$(readlink "./$5"; echo .)" = "$4$NL." ] ;;
  esac 2>/dev/null || { gone_or_modified "$5" "$6"; return; }
  [ -z "$2" ] || [ "$(stat -c %a "./$5")" = "$2" ] || printf '!wrong_mode %s\n' "$6"
}

gone_or_modified() {
  if [ -e "./$1" ] || [ -L "./$1" ]; then what=modified; else what=missing; fi
  printf '!%s %s\n' $what "$2"
}

# Prove the release in folder $1 against manifest $2: why is empty when it holds, found has the lines
# that say what differs. `proof <folder> <manifest> extra` also looks for what is not listed.
proof() {
  why='' found=''
  cd "$1" 2>/dev/null || { why="there is no $1"; return; }
  chain "$2" || return 0
  found=$(differences "${3-}")
  case $found in
    '!bad '*) why="its listing is unusable: ${found#!bad }" found= ;;
    ?*) tell "$found" ;;
  esac
}

# Follow the manifest's digest to the listing's, in the current folder.
chain() {
  wanted=$1
  # shellcheck disable=SC2046
  set -- $(sha256sum .fleet/manifest.json .fleet/listing 2>/dev/null)
  if [ $# != 4 ]; then
    why="its manifest or listing is missing"
  elif [ "$1" != "$wanted" ]; then
    why="its manifest.json is not the one that was asked for"
  elif ! grep -qF "\"listing\":\"$3\"" .fleet/manifest.json; then
    why="its listing is not the one in its manifest"
  fi
  [ -z "$why" ]
}

# What differs in the current folder, bytes included.
differences() {
  lines=$(compare "$1")
  case $NL$lines in
    *"$NL"[?]odd*)
      eval "$(printf '%s\n' "$lines" | sed -n 's/^?//p')" ;;
  esac
  case $NL$lines in
    *"$NL"[?!]*)
      printf '%s\n' "$lines" | grep '^!'
      lines=$(printf '%s\n' "$lines" | grep '^[0-9a-f]') ;;
  esac
  [ -z "$newer" ] || lines=$(recent)
  [ -z "$lines" ] || printf '%s\n' "$lines" | sha256sum -c >/dev/null 2>&1 || damaged
}

# The names of the files in lines whose bytes are not what they should be.
damaged() {
  printf '%s\n' "$lines" | sha256sum -c 2>/dev/null |
    sed -n '/: OK$/!{s/: FAILED$//;s/: FAILED open or read$//;s/%/%25/g;s|^\./|!modified |p;}'
}

# The first differences in words -> why.
tell() {
  why=$(printf '%s\n' "$1" | awk '
    $1 == "!extra" { next }
    { n++ }
    n < 4 {
      what = substr($1, 2)
      sub(/wrong_mode/, "has the wrong mode", what)
      sub(/^m/, "is m", what)
      out = out (n > 1 ? ", " : "") substr($0, index($0, " ") + 1) " " what
    }
    END { if (n > 3) out = out " and " n - 3 " more"; print out }')
}

# What is active, and what was before -> active, previous; both may be empty.
places_now() {
  active='' previous=''
  [ ! -L "$P/current" ] || active=$(readlink "$P/current")
  [ ! -L "$P/previous" ] || previous=$(readlink "$P/previous")
  active=${active#releases/} previous=${previous#releases/}
}

# Is `current` absent, or a link that we may have made?
ours() {
  if [ -L "$P/current" ]; then is_name "$active"; else [ ! -e "$P/current" ]; fi
}

# The releases that were completely laid down -> complete.
completes() {
  complete=
  set +f
  for mark in "$P"/releases/*/.fleet/complete; do
    mark=${mark%/.fleet/complete}
    mark=${mark##*/}
    ! is_name "$mark" || complete="$complete $mark"
  done
  set -f
  complete=${complete# }
}

is_complete() {
  [ -f "$P/releases/$1/.fleet/complete" ]
}

# When a release was completed, and the digest of its manifest -> completed, digest.
about_release() {
  completed=0 digest=
  [ ! -f "$P/releases/$1/.fleet/complete" ] ||
    read -r completed digest <"$P/releases/$1/.fleet/complete" || :
}
