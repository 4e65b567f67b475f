# An archive of data that was carried to the ops box comes back, and lies among the backups as it did.

# Does an archive come with the request? Then all of its bytes are read, whatever happens. -> payload, suffix
carried_asked() {
  [ -n "${a_bytes-}" ] || return 0
  is_number "$a_bytes" || answer error "not a number of bytes: $a_bytes"
  payload=$a_bytes
  case ${a_sha256:=} in '' | *[!0-9a-f]*) answer error "not a sha256: $a_sha256" ;; esac
  case ${a_suffix-} in gz | zst) suffix=$a_suffix ;; *) answer error "no such archive: ${a_suffix-}" ;; esac
  case $b in [0-9]*-?*) is_name "$b" && is_number "${b%%-*}" && return ;; esac
  answer error "not the name of a backup: $b"
}

# Take what comes as the archive of the backup $b, unless it is here already.
take_carried() {
  [ "$payload" != 0 ] || return 0
  if about "$b"; then
    [ "$about_sha256" = "$a_sha256" ] || leave no "there is another backup $b in $D"
    return 0
  fi
  # shellcheck disable=SC2174
  mkdir -p -m 700 "$S/backups" "$D" || leave no "cannot make $D: is the disk full, or read-only?"
  unfinished_data
  unpacks "$suffix"
  part=$D/$b.part size=$payload payload=0
  (
    umask 077
    head -c "$size" <&3 | {
      cat >"$part"
      written=$?
      cat >/dev/null
      exit $written
    }
  ) && [ "$(stat -c %s "$part")" = "$size" ] || spoilt failed "did not arrive whole: is the disk full?"
  point data_arrived
  [ "$(sha256sum <"$part")" = "$a_sha256  -" ] || spoilt no "is damaged: its hash is not the one recorded"
  paths_carried || spoilt no "cannot be unpacked"
  kib=$(($($unpacker <"$part" 2>/dev/null | wc -c) / 1024))
  keep_archive "${b%%-*}" "${b#*-}" || spoilt failed "could not be kept: is the disk full?"
}

spoilt() {
  rm -f "$part"
  leave "$1" "the backup that came $2"
}

# Which of the declared paths does the archive have? -> there (lines)
paths_carried() {
  there=$({ printf '%s\n' "$paths" | sed 's/^/=./'; $unpacker <"$part" 2>/dev/null | tar -tf - 2>/dev/null || echo '?'; } | awk '
    !begun && /^=/ { own[substr($0, 2)]; next }
    { begun = 1; last = $0; sub(/\/$/, "") }
    { for (q in own) if ($0 == q || index($0, q "/") == 1) has[q] }
    END { for (q in has) print substr(q, 2); if (last == "?") exit 1 }') && there=$there$NL
}
