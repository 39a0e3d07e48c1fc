#!/usr/bin/env bash
# Makes every sample file in this folder again, next to itself or in the folder
# named by the first argument. The committed files were made with Debian 12's
# ffmpeg 5.1 (it has flite; most builds do not) and pocketsphinx-testdata
# 0.8+5prealpha+1-15. Another version of the encoder gives other bytes but the
# same sound.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
out=${1:-$here}
mkdir -p "$out"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

quiet=(ffmpeg -nostdin -y -loglevel error)
# bitexact leaves out what changes from run to run (encoder name, random serial).
exact=(-map_metadata -1 -fflags +bitexact -flags +bitexact)
# What Telegram's clients record: Ogg Opus, 48 kHz, mono, voice mode.
voice=(-ac 1 -ar 48000 -c:a libopus -b:a 24k -application voip "${exact[@]}")

filters=$(ffmpeg -hide_banner -filters 2>/dev/null)
if [[ $filters != *' flite '* ]]; then
	echo "make.sh: this ffmpeg has no flite voices; use Debian's (apt install ffmpeg)" >&2
	exit 1
fi

# speak VOICE TEXTFILE OUT: without silence around it the recogniser loses the first words.
speak() {
	"${quiet[@]}" -f lavfi -i "flite=voice=$1:textfile=$2" \
		-af 'adelay=300:all=1,apad=pad_dur=0.3' "${voice[@]}" "$3"
}

speak awb "$here/voice-en.txt" "$out/voice-en.ogg"
speak rms "$here/voice-en-2.txt" "$out/voice-en-2.ogg"

# Indonesian read by an English voice: speech, but not English.
printf '%s\n' 'Selamat pagi semuanya. Kita mulai rapat hari ini dengan laporan penjualan bulan lalu dan rencana untuk minggu depan.' >"$work/id.txt"
speak rms "$work/id.txt" "$out/voice-not-english.ogg"

# A person's voice, from Debian's pocketsphinx-testdata (see README.md for the licence).
testdata=/usr/share/pocketsphinx/test/data
if [ ! -d "$testdata" ] && command -v apt-get >/dev/null; then
	(cd "$work" && apt-get download -q pocketsphinx-testdata >/dev/null 2>&1 && dpkg -x pocketsphinx-testdata_*.deb .)
	testdata=$work$testdata
fi
if [ -d "$testdata" ]; then
	"${quiet[@]}" -i "$testdata/librivox/sense_and_sensibility_01_austen_64kb-0920.wav" "${voice[@]}" "$out/voice-human.ogg"
	"${quiet[@]}" -f s16le -ar 16000 -ac 1 -i "$testdata/goforward.raw" "${voice[@]}" "$out/voice-human-short.ogg"
else
	echo "make.sh: pocketsphinx-testdata is not there and cannot be downloaded; the voice-human files are left as they are" >&2
fi

"${quiet[@]}" -i "$out/voice-en-2.ogg" -c:a libmp3lame -b:a 48k -ar 24000 "${exact[@]}" "$out/voice-en-2.mp3"

# 20 s of picture with the two voices one after the other; moov at the front.
"${quiet[@]}" -f lavfi -i 'testsrc2=size=160x120:rate=5:duration=20' -i "$out/voice-en.ogg" -i "$out/voice-en-2.ogg" \
	-filter_complex '[1:a][2:a]concat=n=2:v=0:a=1,apad=whole_dur=20[a]' -map 0:v -map '[a]' -t 20 \
	-c:v libx264 -preset veryslow -crf 40 -pix_fmt yuv420p -c:a aac -b:a 32k -ar 24000 \
	-movflags +faststart "${exact[@]}" "$out/video-en.mp4"

"${quiet[@]}" -f lavfi -i 'anullsrc=r=48000:cl=mono' -t 5 "${voice[@]}" "$out/silence.ogg"
"${quiet[@]}" -f lavfi -i 'anoisesrc=d=6:c=pink:a=0.3:seed=1' "${voice[@]}" "$out/noise.ogg"
# Plucked notes over a bass: a voice detector takes it for speech, a recogniser must not.
"${quiet[@]}" -f lavfi -i "aevalsrc='0.3*sin(2*PI*t*(220*pow(2,floor(mod(t*4,12))/12)))*(1-mod(t*4,1)*0.7)+0.2*sin(2*PI*t*110)':d=8" "${voice[@]}" "$out/music.ogg"

printf 'This is a text file that calls itself audio.\n' >"$out/not-audio.ogg"
: >"$out/empty.ogg"
