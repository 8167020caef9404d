package pickle

// argument is the number of bytes that follow an opcode or, if negative, one of the forms below.
type argument int8

const (
	counted1 argument = -1 - iota // a 1-byte length, then that many bytes
	counted4                      // a 4-byte little-endian length, then that many bytes
	counted8                      // an 8-byte little-endian length, then that many bytes
	line                          // text up to a newline
	twoLines                      // two texts, each up to a newline
)

// opcode is an instruction of the pickle machine. run receives the argument without its length or final newline.
type opcode struct {
	name     string
	argument argument
	run      func(d *Decoder, argument []byte) error
}

// stop ends a pickle.
const stop = '.'

// opcodes is indexed by the opcode's byte. Opcodes without a name are not supported.
var opcodes = [256]opcode{
	0x80: {"PROTO", 1, (*Decoder).protocol},
	0x95: {"FRAME", 8, (*Decoder).frame},
	stop: {"STOP", 0, nil},

	'N':  {"NONE", 0, (*Decoder).none},
	0x88: {"NEWTRUE", 0, (*Decoder).newTrue},
	0x89: {"NEWFALSE", 0, (*Decoder).newFalse},
	'K':  {"BININT1", 1, (*Decoder).integer1},
	'M':  {"BININT2", 2, (*Decoder).integer2},
	'J':  {"BININT", 4, (*Decoder).integer4},
	'I':  {"INT", line, (*Decoder).integerText},
	'L':  {"LONG", line, (*Decoder).longText},
	0x8a: {"LONG1", counted1, (*Decoder).long},
	0x8b: {"LONG4", counted4, (*Decoder).long},
	'G':  {"BINFLOAT", 8, (*Decoder).float},
	'F':  {"FLOAT", line, (*Decoder).floatText},

	'V':  {"UNICODE", line, (*Decoder).textEscaped},
	0x8c: {"SHORT_BINUNICODE", counted1, (*Decoder).text},
	'X':  {"BINUNICODE", counted4, (*Decoder).text},
	0x8d: {"BINUNICODE8", counted8, (*Decoder).text},
	'C':  {"SHORT_BINBYTES", counted1, (*Decoder).bytes},
	'B':  {"BINBYTES", counted4, (*Decoder).bytes},
	0x8e: {"BINBYTES8", counted8, (*Decoder).bytes},

	'(':  {"MARK", 0, (*Decoder).mark},
	')':  {"EMPTY_TUPLE", 0, (*Decoder).tuple0},
	0x85: {"TUPLE1", 0, (*Decoder).tuple1},
	0x86: {"TUPLE2", 0, (*Decoder).tuple2},
	0x87: {"TUPLE3", 0, (*Decoder).tuple3},
	't':  {"TUPLE", 0, (*Decoder).tuple},
	']':  {"EMPTY_LIST", 0, (*Decoder).emptyList},
	'l':  {"LIST", 0, (*Decoder).list},
	'a':  {"APPEND", 0, (*Decoder).appendOne},
	'e':  {"APPENDS", 0, (*Decoder).appendMarked},
	'}':  {"EMPTY_DICT", 0, (*Decoder).emptyDict},
	'd':  {"DICT", 0, (*Decoder).dict},
	's':  {"SETITEM", 0, (*Decoder).setOne},
	'u':  {"SETITEMS", 0, (*Decoder).setMarked},

	0x94: {"MEMOIZE", 0, (*Decoder).memoize},
	'p':  {"PUT", line, (*Decoder).putText},
	'q':  {"BINPUT", 1, (*Decoder).put1},
	'r':  {"LONG_BINPUT", 4, (*Decoder).put4},
	'g':  {"GET", line, (*Decoder).getText},
	'h':  {"BINGET", 1, (*Decoder).get1},
	'j':  {"LONG_BINGET", 4, (*Decoder).get4},

	'c':  {"GLOBAL", twoLines, (*Decoder).global},
	0x93: {"STACK_GLOBAL", 0, (*Decoder).stackGlobal},
	'R':  {"REDUCE", 0, (*Decoder).call},
	0x81: {"NEWOBJ", 0, (*Decoder).call},
	'b':  {"BUILD", 0, (*Decoder).build},
	'Q':  {"BINPERSID", 0, (*Decoder).persistentID},
}
