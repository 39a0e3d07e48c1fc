package speech

import "strings"

// whisperLanguages are the languages that Whisper hears: its name of each,
// which OpenAI's API answers with, and the code. Javanese has its ISO code
// here; Whisper's own is jw.
// Source: LANGUAGES in https://github.com/openai/whisper/blob/main/whisper/tokenizer.py
const whisperLanguages = " " +
	"afrikaans=af albanian=sq amharic=am arabic=ar armenian=hy assamese=as azerbaijani=az bashkir=ba " +
	"basque=eu belarusian=be bengali=bn bosnian=bs breton=br bulgarian=bg cantonese=yue catalan=ca " +
	"chinese=zh croatian=hr czech=cs danish=da dutch=nl english=en estonian=et faroese=fo finnish=fi " +
	"french=fr galician=gl georgian=ka german=de greek=el gujarati=gu haitian_creole=ht hausa=ha " +
	"hawaiian=haw hebrew=he hindi=hi hungarian=hu icelandic=is indonesian=id italian=it japanese=ja " +
	"javanese=jv kannada=kn kazakh=kk khmer=km korean=ko lao=lo latin=la latvian=lv lingala=ln " +
	"lithuanian=lt luxembourgish=lb macedonian=mk malagasy=mg malay=ms malayalam=ml maltese=mt maori=mi " +
	"marathi=mr mongolian=mn myanmar=my nepali=ne norwegian=no nynorsk=nn occitan=oc pashto=ps " +
	"persian=fa polish=pl portuguese=pt punjabi=pa romanian=ro russian=ru sanskrit=sa serbian=sr " +
	"shona=sn sindhi=sd sinhala=si slovak=sk slovenian=sl somali=so spanish=es sundanese=su swahili=sw " +
	"swedish=sv tagalog=tl tajik=tg tamil=ta tatar=tt telugu=te thai=th tibetan=bo turkish=tr turkmen=tk " +
	"ukrainian=uk urdu=ur uzbek=uz vietnamese=vi welsh=cy yiddish=yi yoruba=yo "

// WhisperLanguages gives the codes of the languages that Whisper hears.
func WhisperLanguages() []string {
	var codes []string

	for language := range strings.FieldsSeq(whisperLanguages) {
		_, code, _ := strings.Cut(language, "=")
		codes = append(codes, code)
	}

	return codes
}

// Language gives the code of a language as providers name it: "id", "en-US",
// "Indonesian". What is not known comes back in lower case; nothing where the
// provider does not know either.
func Language(name string) string {
	name = strings.Join(strings.Fields(strings.ToLower(strings.ToValidUTF8(name, ""))), "_")

	if _, found, ok := strings.Cut(whisperLanguages, " "+name+"="); ok && name != "" {
		code, _, _ := strings.Cut(found, " ")

		return code
	}

	if code, _, regional := strings.Cut(name, "-"); regional {
		name = code
	}

	switch name {
	case "unknown", "multi":
		return ""
	case "jw":
		return "jv"
	default:
		return name
	}
}

// LanguageName gives the English name of a code in lower case, and what it was
// given where it knows none.
func LanguageName(code string) string {
	before, _, found := strings.Cut(whisperLanguages, "="+code+" ")
	if !found || code == "" {
		return code
	}

	return strings.ReplaceAll(before[strings.LastIndexByte(before, ' ')+1:], "_", " ")
}
