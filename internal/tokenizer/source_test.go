package tokenizer

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"uer/internal/vocab"
)

// sources are small tokenizers of all kinds that are read from files.
var sources = map[string]Source{
	"bpe":     {Name: "bpe", Vocabulary: "testdata/small_vocab.json", Merges: "testdata/small_merges.txt"},
	"unigram": {SentencePiece: "testdata/small_unigram.model"},
	"pairs":   {SentencePiece: "testdata/small_pairs.model"},
	"json":    {Vocabulary: "testdata/small_tokenizer.json"},
	"added":   {Vocabulary: "testdata/small_added_unigram.json"},
	"cased":   {Name: "bert", Vocabulary: "testdata/characters.txt", LowerCase: "false"},
}

func readModel(t testing.TB, s Source) *Model {
	t.Helper()
	m, err := s.Read()
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestModelsHaveNoMemory: what a tokenizer makes of a line depends on nothing before, is the same for two of a model, and is
// appended to what is there.
func TestModelsHaveNoMemory(t *testing.T) {
	for name, source := range sources {
		m := readModel(t, source)
		used := m.New()
		rapid.Check(t, func(t *rapid.T) {
			text := rapid.OneOf(characters, rapid.String()).Draw(t, "text")
			got := used.AppendIDs([]int32{-7}, text)
			want := append([]int32{-7}, m.New().AppendIDs(nil, text)...)
			if !slices.Equal(got, want) {
				t.Fatalf("%s: %q gives %d, then %d", name, text, want, got)
			}
			for _, id := range got[1:] {
				if id < 0 || int(id) >= m.Vocabulary.Size() {
					t.Fatalf("%s: id %d of %q", name, id, text)
				}
			}
		})
	}
}

// TestBytesComeBack: the tokens of GPT-2 spell the text.
func TestBytesComeBack(t *testing.T) {
	m := readModel(t, sources["bpe"])
	tokenizer := m.New()
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(characters, rapid.String(), rapid.StringMatching(`[a-z ]{0,300}`)).Draw(t, "text")
		var back []byte
		for _, id := range tokenizer.AppendIDs(nil, text) {
			for _, r := range m.Vocabulary.Token(id) {
				b, known := vocab.ByteOf(r)
				if !known {
					t.Fatalf("%q: token %d", text, id)
				}
				back = append(back, b)
			}
		}
		if string(back) != text {
			t.Fatalf("%q comes back as %q", text, back)
		}
	})
}

func TestModelsAllocateNothing(t *testing.T) {
	text := strings.Repeat("今天的天气很好，我们去公园散步。Hello World 200 Café Привет! ", 50)
	for name, source := range sources {
		tokenizer, ids := readModel(t, source).New(), make([]int32, 0, 4*len(text))
		allowed := 0.0
		switch name {
		case "json": // the library for Unicode's normal forms needs one
			allowed = 1
		case "added": // and one for each text between added tokens
			allowed = 50
		}
		if n := testing.AllocsPerRun(10, func() { tokenizer.AppendIDs(ids, text) }); n > allowed {
			t.Errorf("%s: %v allocations for a text", name, n)
		}
	}
}

func TestSettings(t *testing.T) {
	for _, c := range []struct {
		source Source
		want   string
	}{
		{Source{Vocabulary: "testdata/vocab.txt"}, "bert --do_lower_case true"},
		{Source{Vocabulary: "testdata/vocab.txt", LowerCase: "true", StripAccents: "true"}, "bert --do_lower_case true --strip_accents true"},
		{Source{Vocabulary: "testdata/vocab.txt", LowerCase: "false"}, "bert --do_lower_case false --strip_accents false"},
		{Source{Vocabulary: "testdata/vocab.txt", StripAccents: "false"}, "bert --do_lower_case true --strip_accents false"},
		{Source{Name: "char", Vocabulary: "testdata/vocab.txt"}, "char "},
		{sources["bpe"], "bpe merges "},
		{sources["unigram"], "sentencepiece model "},
		{sources["json"], "tokenizer.json file "},
	} {
		m := readModel(t, c.source)
		if got := m.Name + " " + m.Settings; got != c.want && !(strings.HasSuffix(c.want, " ") && strings.HasPrefix(got, c.want)) {
			t.Errorf("%+v: %s, want %s", c.source, got, c.want)
		}
		v, err := c.source.ReadVocabulary()
		if err != nil || v.SHA256() != m.Vocabulary.SHA256() {
			t.Errorf("%+v: another vocabulary, error %v", c.source, err)
		}
	}
}

func TestBadSources(t *testing.T) {
	folder := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	merges := write("merges.txt", "#version: 0.2\na\n")
	described := 0
	description := func(text string) Source {
		described++
		return Source{Vocabulary: write(fmt.Sprintf("%d.json", described), text)}
	}
	for _, c := range []struct {
		source Source
		want   string
	}{
		{Source{}, "required but not set: --vocab_path"},
		{Source{Prefix: "tgt_"}, "required but not set: --tgt_vocab_path"},
		{Source{Name: "word", Vocabulary: "testdata/vocab.txt"}, `tokenizer "word" is not one of`},
		{Source{Name: "char", Vocabulary: "testdata/vocab.txt", LowerCase: "false"}, "--do_lower_case has no effect with the tokenizer char"},
		{Source{Vocabulary: "testdata/vocab.txt", Merges: merges}, "--merges_path has no effect with the tokenizer bert"},
		{Source{Name: "bpe", Vocabulary: "testdata/small_vocab.json"}, "--tokenizer bpe needs --merges_path"},
		{Source{Name: "bpe", Vocabulary: "testdata/small_vocab.json", Merges: merges}, `merges.txt:2: not a pair of tokens: "a"`},
		{Source{Name: "bert", Vocabulary: "testdata/small_vocab.json"}, "is a vocabulary of byte pairs"},
		{Source{Vocabulary: "testdata/vocab.txt", SentencePiece: "testdata/small_pairs.model"}, "--vocab_path has no effect with --spm_model_path"},
		{Source{Name: "char", SentencePiece: "testdata/small_pairs.model"}, "--tokenizer char has no effect with --spm_model_path"},
		{Source{SentencePiece: "testdata/vocab.txt"}, "not a SentencePiece model, or damaged"},
		{Source{Name: "space", Vocabulary: "testdata/small_tokenizer.json"}, "--tokenizer space has no effect with"},
		{Source{Vocabulary: "testdata/vocab.txt", Special: merges}, "not a map of special tokens"},
		{description(`{"model": {"type": "BPE", "vocab": {"<unk>": 0, "<s>": 1, "</s>": 2}, "merges": ["a b"]}}`), `merge 0: the vocabulary lacks "a"`},
		{description(`{"model": {"type": "WordLevel", "vocab": {"<unk>": 0, "<s>": 1, "</s>": 2}}}`), "not supported: the model WordLevel"},
		{description(`{"model": {`), ".json: not JSON, or damaged: byte 11: unexpected end of JSON input"},
		{description(`{"normalizer": {"type": "Nmt"}, "model": {"type": "BPE", "vocab": {"<unk>": 0, "<s>": 1, "</s>": 2}, "merges": []}}`), "not supported: the normalizer Nmt"},
		{description(`{"pre_tokenizer": {"type": "Split"}, "model": {"type": "BPE", "vocab": {"<unk>": 0, "<s>": 1, "</s>": 2}, "merges": []}}`), "not supported: the pre_tokenizer Split"},
		{description(`{"normalizer": {"type": "Replace", "pattern": {"Regex": "a+"}}, "model": {"type": "BPE", "vocab": {"<unk>": 0, "<s>": 1, "</s>": 2}, "merges": []}}`), "not supported: a Replace of a regular expression"},
		{description(`{"added_tokens": [{"id": 7, "content": "x", "special": true}], "model": {"type": "BPE", "vocab": {"<unk>": 0, "<s>": 1, "</s>": 2}}}`), `the added token "x" has id 7`},
		{description(`{"model": {"type": "Unigram", "vocab": [["<unk>", 0], ["<s>", 0], ["</s>", 0]]}}`), "the unigram model has no unknown token"},
		{description(`{"model": {"type": "Unigram", "vocab": [["<unk>", "x"]]}}`), "entry 0 of the vocabulary is not a token and its score"},
	} {
		if _, err := c.source.Read(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: error %v, want %s", c.source, err, c.want)
		}
	}
}

// FuzzDescription: a hostile tokenizer.json is an error, or a tokenizer that makes ids of the vocabulary.
func FuzzDescription(f *testing.F) {
	small, err := os.ReadFile("testdata/small_tokenizer.json")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(small, "今天 Hello")
	for _, model := range []string{
		`{"type": "Unigram", "unk_id": 0, "vocab": [["<unk>", 0], ["<s>", 0], ["</s>", 0], ["ab", -1]]}`,
		`{"type": "BPE", "vocab": {"<unk>": 0, "<s>": 1, "</s>": 2, "a": 3, "b": 4, "ab": 5}, "merges": ["a b"], "unk_token": "<unk>", "byte_fallback": true}`,
		`{"type": "WordPiece", "vocab": {"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3, "[MASK]": 4}}`,
	} {
		for _, rest := range []string{``, `, "normalizer": {"type": "BertNormalizer"}, "pre_tokenizer": {"type": "BertPreTokenizer"}`,
			`, "normalizer": {"type": "Replace", "pattern": {"String": "a"}, "content": ""}, "pre_tokenizer": {"type": "Metaspace", "replacement": "▁"}`,
			`, "normalizer": {"type": "Precompiled", "precompiled_charsmap": "BAAAAAAAAAAA"}`,
			`, "added_tokens": [{"id": 2, "content": "a "}, {"id": 0, "content": "b", "normalized": true, "lstrip": true, "rstrip": true}]`} {
			f.Add([]byte(`{"model": `+model+rest+`}`), "a b [MASK] ab")
		}
	}
	f.Fuzz(func(t *testing.T, data []byte, text string) {
		if !isJSON(data) || !isDescription(data) {
			return
		}
		d, v, err := parseDescription("t.json", data, vocab.Special{})
		if err != nil {
			return
		}
		make, err := d.tokenizer(v)
		if err != nil {
			return
		}
		for _, id := range make().AppendIDs(nil, text) {
			if id < 0 || int(id) >= v.Size() {
				t.Fatalf("id %d of %q", id, text)
			}
		}
	})
}

func BenchmarkModels(b *testing.B) {
	demo, err := os.ReadFile("../../corpora/demo.txt")
	if err != nil {
		b.Fatal(err)
	}
	texts := map[string]string{
		"chinese": strings.Repeat(string(demo), 12),
		"english": strings.Repeat("The quick brown fox jumps over the lazy dog, and 1234 more unremarkable words follow. ", 4000),
	}
	for name, source := range sources {
		for kind, text := range texts {
			tokenizer, ids := readModel(b, source).New(), make([]int32, 0, len(text))
			b.Run(name+"/"+kind, func(b *testing.B) {
				b.SetBytes(int64(len(text)))
				b.ReportAllocs()
				for b.Loop() {
					for line := range strings.Lines(text) {
						ids = tokenizer.AppendIDs(ids[:0], line)
					}
				}
			})
		}
	}
}
