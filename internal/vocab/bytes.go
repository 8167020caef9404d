package vocab

// ByteCharacters are the characters that stand for the 256 bytes in a vocabulary of GPT-2: those that are visible in Latin-1
// for themselves, the others from U+0100 on.
var ByteCharacters = func() (table [256]rune) {
	next := rune(0x100)
	for b := range rune(256) {
		if b >= '!' && b <= '~' || b >= 0xa1 && b <= 0xac || b >= 0xae {
			table[b] = b
		} else {
			table[b] = next
			next++
		}
	}
	return table
}()

var characterBytes = func() map[rune]byte {
	table := map[rune]byte{}
	for b, character := range ByteCharacters {
		table[character] = byte(b)
	}
	return table
}()

// ByteOf returns the byte that a character stands for in a vocabulary of GPT-2.
func ByteOf(character rune) (b byte, known bool) {
	b, known = characterBytes[character]
	return b, known
}
