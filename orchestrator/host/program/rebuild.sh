# From what was spooled to files, by way of a patch where it is one.

rebuild() {
  if patched; then
    base || distrust "the host has not the base of the patch: ${a_base-}"
    point base_made
    undo <"$part" >"$I/whole" || distrust "the patch cannot be undone on this host"
    point undone
    cut_out && fill_in || distrust "the patch did not give a release"
  else
    undo <"$part" | tar -xpof - 2>/dev/null || { rm -rf "$I"; cut_short; }
  fi
  point rebuilt
}

# Undo what was done to the content, from input to output.
undo() {
  case $a_means in
    gzip) gzip -dc ;;
    xz) xz -dc ;;
    zstd) zstd -dcq --long=31 ;;
    zstd-patch) zstd -dcq --long=31 --patch-from="$I/base" ;;
    bsdiff) python3 -ISc "${a_script-}" "$I/base" ;;
  esac 2>/dev/null
}

# What a patch is against: the manifest, the listing and picked files of a release that is here.
base() {
  is_name "${a_base-}" && is_complete "$a_base" || return 1
  ( cd "$P/releases/$a_base" && pour ) >"$I/base" &&
    [ "$(sha256sum <"$I/base")" = "${a_base_sha256-}  -" ]
}

pour() {
  pieces .fleet/manifest.json .fleet/listing || return
  eval "$(awk -v picks="${a_picks-}" "$AWK_LISTING"'
    function spill() { if (batch != "") print "pieces" batch " || return"; batch = "" }
    function step(   ends) {
      first = last = 0
      if (++range > ranges) return
      split(pick[range], ends, "-")
      first = ends[1] + 0
      last = (2 in ends) ? ends[2] + 0 : first
    }
    BEGIN { ranges = split(picks, pick, ","); step() }
    first && NR > last { step() }
    first && NR >= first && /^f / && (p = split_line($0)) != "" {
      batch = batch " " quoted("./" p)
      if (length(batch) > 50000) spill()
    }
    END { spill() }' .fleet/listing)"
}

# The bytes of regular files, one after the other.
pieces() {
  for piece; do
    [ -f "$piece" ] && [ ! -L "$piece" ] || return 1
  done
  cat -- "$@"
}

# What a patch gives: manifest, signature and listing, then the files that the listing has without
# their hashes. Puts the commands that tell these into sums.
cut_out() {
  # shellcheck disable=SC2086
  set -- ${a_heads-}
  [ $# = 3 ] && is_number "$1" && is_number "$2" && is_number "$3" && mkdir -p .fleet || return
  exec 4<"$I/whole" || return
  slice "$1" "$I/manifest" && slice "$2" .fleet/manifest.sig && slice "$3" "$I/listing" || return
  work=$(awk "$AWK_LISTING"'
    function spill(what) { if (batch[what] != "") print what batch[what] " || return"; batch[what] = "" }
    function gather(what, p) {
      batch[what] = batch[what] " " quoted("./" p)
      if (length(batch[what]) > 50000) spill(what)
    }
    BEGIN { zeros = sprintf("%064d", 0); sums = "#sha256sum" }
    /^f [0-7]+ [0-9]+ @ ./ {
      k = index($0, " @ ")
      entry(substr($0, 1, k) zeros substr($0, k + 2))
    }
    END {
      if (broken) exit 1
      whole()
      for (p in implied) gather("mkdir -p --", p)
      spill("mkdir -p --")
      for (i = 1; i <= entries; i++) print "slice " size[order[i]] " " quoted("./" order[i]) " || return"
      for (i = 1; i <= entries; i++) gather(sums, order[i])
      spill(sums)
    }' "$I/listing")
  case $work in '!bad '*) return 1 ;; esac
  eval "$work" || return
  exec 4<&-
}

# The next bytes of descriptor 4, this many, into a file.
slice() {
  : >"$2" || return
  [ "$1" -lt 1048576 ] || dd bs=1048576 count=$(($1 / 1048576)) <&4 >"$2" 2>/dev/null || return
  [ $(($1 % 1048576)) = 0 ] || dd bs=$(($1 % 1048576)) count=1 <&4 >>"$2" 2>/dev/null
}

# What listing and manifest lack: the hashes of what was cut out, in the same order; and the list of
# files, from the listing.
fill_in() {
  : >.fleet/listing
  eval "$(printf '%s\n' "$work" | sed -n 's/^#//p')" | awk "$AWK_LISTING$AWK_JSON"'
    pass == 1 { sub(/^\\/, ""); sum[++sums] = substr($0, 1, 64); next }
    pass == 2 {
      if (/^f [0-7]+ [0-9]+ @ ./) {
        k = index($0, " @ ")
        $0 = substr($0, 1, k) sum[++used] substr($0, k + 2)
      }
      print >listing
      if (/^f /) {
        split($0, part, " ")
        p = json(decode(split_line($0)))
        file[++files] = "{\"mode\":\"" part[2] "\",\"path\":\"" p "\",\"sha256\":\"" part[4] "\",\"size\":" part[3] "}"
      }
      next
    }
    {
      k = index($0, "\"files\":[@]")
      printf "%s", substr($0, 1, k + 8) >manifest
      for (i = 1; i <= files; i++) printf "%s%s", (i > 1 ? "," : ""), file[i] >manifest
      printf "%s", substr($0, k + 10) >manifest
    }' listing=.fleet/listing manifest=.fleet/manifest.json \
    pass=1 - pass=2 "$I/listing" pass=3 "$I/manifest"
}
