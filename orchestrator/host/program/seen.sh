# What was confirmed here before: nothing older is taken, unless the request allows it.
#   seen    version and date (`created` of the manifest) of the release that was confirmed last

load_seen() {
  seen_version='' seen_created=''
  load seen
}

# What the manifest in the current folder says -> version, created, expires. In canonical JSON a
# quote inside a string has a backslash before it, and `version` is the last key.
manifest_says() {
  version='' created='' expires=
  # shellcheck disable=SC2013
  for pair in $(grep -oE \
    '[{,]"(created|expires)":"[0-9-]{10}T[0-9:]{8}Z"|,"version":"[0-9A-Za-z.+-]+"}$' \
    .fleet/manifest.json); do
    value=${pair#*:\"}
    value=${value%%\"*}
    case $pair in
      ?'"c'*) created=$value ;;
      ?'"e'*) expires=$value ;;
      *) version=$value ;;
    esac
  done
}

# Is the manifest in the current folder good today, and not older than what was confirmed? Else why.
# What is active already is neither, and may be mended.
fresh() {
  [ "$active" != "$a_release" ] || return 0
  manifest_says
  if is_over "$expires"; then
    why="it expired at $expires"
    return 1
  fi
  if [ -n "$expires" ] && is_before "$(utc)" "$created"; then
    signature="$signature; the host's clock is before the bundle's date, so it may have expired"
  fi
  load_seen
  is_older || return 0
  [ "${a_allow_downgrade-}" = 1 ] || return 1
  esc "${a_owner-}"
  why=
  history downgrade "$op" "$about,\"owner\":$E,\"below\":\"$seen_version of $seen_created\""
}

is_older() {
  why=
  if lower "$version" "$seen_version"; then
    why="$seen_version was confirmed on this host, and $version is lower"
  elif [ -n "$created" ] && is_before "$created" "$seen_created"; then
    why="a bundle of $seen_created was confirmed on this host, and this one is of $created"
  fi
  [ -n "$why" ]
}

# Remember the release in folder R, which was confirmed: it was allowed, so it is what counts now.
remember() {
  cd "$R" 2>/dev/null || return
  manifest_says
  load_seen
  [ "$seen_version $seen_created" != "$version $created" ] || return 0
  T=''
  note seen_version "$version"
  note seen_created "$created"
  write_durably "$S/seen" "$T"
}

describe_seen() {
  load_seen
  [ -n "$seen_version" ] || { raw seen null; return 0; }
  J="$J,\"seen\":{\"created\":\"$seen_created\""
  put version "$seen_version"
  J="$J}"
}
