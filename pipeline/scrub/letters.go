package scrub

// letters.go: words, letter by letter of the same script.

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// word is what stands for a word: its letters are replaced by others of their
// kind, its accents and capitals stay.
func (s *Scrubber) word(word string) string {
	folded := fold(word)
	if s.learning {
		s.learn(folded)
		return word
	}
	made := []rune(s.replacement("word", folded, func(c *choices) string {
		letters := []rune(folded)
		for i, r := range letters {
			letters[i] = other(r, c)
		}
		return string(letters)
	}, nil))
	out := []rune(word)
	for i, r := range out {
		if lower := unicode.ToLower(r); lower == r {
			out[i] = made[i]
		} else if unicode.ToUpper(lower) == r {
			out[i] = unicode.ToUpper(made[i])
		}
	}
	return string(out)
}

// other is another letter of the kind of r; r where there is none, as for letters
// that have no capital of their own.
func other(r rune, c *choices) rune {
	letters := kin(r)
	if len(letters) < 2 {
		return r
	}
	i := c.below(len(letters) - 1)
	if letters[i] == r {
		i = len(letters) - 1
	}
	return letters[i]
}

// The letters of the scripts that people's names are written in, those that stand
// for each other beside each other. In a script that is not here, any letter of the
// same part of Unicode stands for another.
var alphabets = []struct {
	script *unicode.RangeTable
	kinds  []string
}{
	{unicode.Latin, []string{"aeiouy", "bcdfghjklmnpqrstvwxz", "æøœ", "đħłŧ", "ðþ"}},
	{unicode.Cyrillic, []string{"аеиоуыэюя", "бвгджзклмнпрстфхцчш"}},
	{unicode.Greek, []string{"αεηιου", "βγδζθκλμνπρτφχ"}},
	{unicode.Han, []string{"王李张刘陈杨赵黄周吴徐孙朱马胡郭林何高梁郑谢宋唐明华国文志伟建芳娜秀英敏静丽强军洋勇杰娟涛超平刚桂田中山本小川木村上野原美子和花"}},
	{unicode.Hiragana, []string{"あいうえお", "かきくけこさしすせそたちつてとなにぬねのはひふへほまみむめもやゆよらりるれろわ"}},
	{unicode.Katakana, []string{"アイウエオ", "カキクケコサシスセソタチツテトナニヌネノハヒフヘホマミムメモヤユヨラリルレロワ", "ァィゥェォ", "ャュョ"}},
	{unicode.Hangul, []string{"김이박최정강조윤장임한오서신권황안송류전홍민수지영현준우진성호경은미"}},
	{unicode.Arabic, []string{"اوي", "بتثجحخدذرزسشصضطظعغفقكلمنه"}},
	{unicode.Hebrew, []string{"בגדהזחטלמנסעפצקרשת", "אוי"}},
	{unicode.Thai, []string{"กขคงจชซดตถทธนบปผพฟมยรลวสหอ", "เแโไใ", "ะา"}},
	{unicode.Devanagari, []string{"कखगघचछजटडतदनपफबभमयरलवशसह"}},
}

// kin are the letters that may stand for r, itself among them, all of as many
// bytes. r is in lower case where there is such a thing.
func kin(r rune) []rune {
	if unicode.IsMark(r) || unicode.Is(unicode.Lm, r) || unicode.IsLower(r) && unicode.ToLower(unicode.ToUpper(r)) != r {
		return nil
	}
	var all []rune
	switch base := []rune(norm.NFD.String(string(r))); {
	case len(base) > 1 && !unicode.Is(unicode.Hangul, r):
		marks := string(base[1:])
		for _, b := range kin(base[0]) {
			if composed := []rune(norm.NFC.String(string(b) + marks)); len(composed) == 1 {
				all = append(all, composed[0])
			}
		}
	default:
		all = alphabet(r)
	}
	var out []rune
	for _, k := range all {
		if utf8.RuneLen(k) == utf8.RuneLen(r) && unicode.IsLower(k) == unicode.IsLower(r) {
			out = append(out, k)
		}
	}
	return out
}

// alphabet are letters of the script of r.
func alphabet(r rune) []rune {
	for _, a := range alphabets {
		if !unicode.Is(a.script, r) {
			continue
		}
		for _, kind := range a.kinds {
			if strings.ContainsRune(kind, r) {
				return []rune(kind)
			}
		}
		if a.script != unicode.Latin {
			return append([]rune(a.kinds[0]), r)
		}
	}
	return neighbours(r)
}

// neighbours are the letters around r of its script.
func neighbours(r rune) []rune {
	script := scriptOf(r)
	if script == nil {
		return nil
	}
	var out []rune
	for n := r &^ 63; n < r&^63+64; n++ {
		if unicode.IsLetter(n) && unicode.Is(script, n) && !unicode.Is(unicode.Lm, n) && unicode.IsLower(n) == unicode.IsLower(r) &&
			unicode.ToLower(unicode.ToUpper(n)) == n && norm.NFD.String(string(n)) == string(n) {
			out = append(out, n)
		}
	}
	return out
}

func scriptOf(r rune) *unicode.RangeTable {
	for _, table := range unicode.Scripts {
		if unicode.Is(table, r) {
			return table
		}
	}
	return nil
}
