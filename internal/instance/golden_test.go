package instance

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"uer/internal/corpus"
	"uer/internal/masking"
	"uer/internal/random"
	"uer/internal/task"
	"uer/internal/tokenizer"
	"uer/internal/vocab"
)

// golden is a dataset that UER-py made, and the arguments it had.
type golden struct {
	Argv      []string
	Instances [][]json.RawMessage
}

func readGolden(t *testing.T, name string) (g golden) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &g); err != nil {
		t.Fatal(err)
	}
	return g
}

func readVocabulary(t testing.TB) *vocab.Vocabulary {
	t.Helper()
	v, err := vocab.Read("testdata/vocab.txt")
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// arguments returns the settings of a golden dataset, the path of its corpus and the number of processes.
func (g *golden) arguments(t *testing.T) (s Settings, path string, processes int) {
	t.Helper()
	s = defaults(readVocabulary(t))
	processes = 1
	for i := 0; i < len(g.Argv); i++ {
		switch name := g.Argv[i]; name {
		case "--dynamic_masking":
			s.Dynamic = true
			continue
		case "--full_sentences":
			s.FullSentences = true
			continue
		case "--span_masking":
			s.Masking.Span = true
			continue
		}
		i++
		number, _ := strconv.Atoi(g.Argv[i])
		fraction, _ := strconv.ParseFloat(g.Argv[i], 64)
		switch g.Argv[i-1] {
		case "--seq_length":
			s.SequenceLength = number
		case "--tgt_seq_length":
			s.TargetSequenceLength = number
		case "--vocab_path", "--tgt_vocab_path":
		case "--corpus_path":
			path = filepath.Join("testdata", filepath.Base(g.Argv[i]))
		case "--target":
			s.Target = g.Argv[i]
		case "--tokenizer":
			s.Tokenizer = tokenizer.ByName[g.Argv[i]](s.Vocabulary)
		case "--dup_factor":
			s.DupFactor = number
		case "--docs_buffer_size":
			s.DocumentsBufferSize = number
		case "--seed":
			s.Seed = int64(number)
		case "--processes_num":
			processes = number
		case "--short_seq_prob":
			s.ShortSequenceProbability = fraction
		case "--span_geo_prob":
			s.Masking.GeometricProbability = fraction
		case "--span_max_length":
			s.Masking.MaxLength = number
		default:
			t.Fatalf("unknown argument %s", g.Argv[i-1])
		}
	}
	return s, path, processes
}

// defaults are those of the command's flags.
func defaults(v *vocab.Vocabulary) Settings {
	bert := tokenizer.ByName["bert"](v)
	return Settings{
		Target: "mlm", Vocabulary: v, Tokenizer: bert, TargetVocabulary: v, TargetTokenizer: bert,
		SequenceLength: 128, TargetSequenceLength: 128, DupFactor: 5, ShortSequenceProbability: 0.1,
		DocumentsBufferSize: 100000, Masking: masking.Options{GeometricProbability: 0.2, MaxLength: 10}, Seed: 7, Workers: 1,
	}
}

// instance reads a tuple of UER-py's.
func (s *Settings) instance(t *testing.T, tuple []json.RawMessage) (x task.Instance) {
	t.Helper()
	numbers := func(i int) (numbers []int32) { read(t, tuple[i], &numbers); return numbers }
	masks := func(i int) []task.Mask {
		var pairs [][2]int32
		read(t, tuple[i], &pairs)
		list := []task.Mask{}
		for _, pair := range pairs {
			list = append(list, task.Mask{Position: pair[0], ID: pair[1]})
		}
		return list
	}
	last := len(tuple) - 1
	x.Tokens = numbers(0)
	switch s.Target {
	case "mlm", "t5", "bert", "albert":
		x.Ends = numbers(last)
		if !s.Dynamic {
			x.Masks = masks(1)
		}
		if len(x.Ends) == 2 {
			read(t, tuple[last-1], &x.Label)
		}
	case "lm":
		x.Ends = make([]int32, 1)
		read(t, tuple[1], &x.Ends[0])
	case "bilm":
		forward, backward := numbers(1), numbers(2)
		x.Ends = segmentEnds(numbers(3))
		n := x.Ends[0]
		x.Tokens = slices.Concat(backward[:1], x.Tokens[:n], forward[n-1:n])
		if !slices.Equal(backward[:n], x.Tokens[:n]) || !slices.Equal(forward[:n], x.Tokens[2:]) {
			t.Errorf("bilm's labels %v and %v are not the neighbours of %v", forward, backward, x.Tokens)
		}
	case "cls":
		read(t, tuple[1], &x.Label)
		x.Ends = segmentEnds(numbers(2))
	case "prefixlm":
		x.Ends = numbers(2)
		x.Tokens = append(x.Tokens, numbers(1)[x.Ends[1]-1])
	case "seq2seq":
		x.Output = unpadded(numbers(1))
		x.Ends = segmentEnds(numbers(2))
	}
	x.Tokens = unpadded(x.Tokens)
	return x
}

func read(t *testing.T, data json.RawMessage, into any) {
	t.Helper()
	if err := json.Unmarshal(data, into); err != nil {
		t.Fatal(err)
	}
}

func unpadded(tokens []int32) []int32 {
	for len(tokens) > 0 && tokens[len(tokens)-1] == 0 {
		tokens = tokens[:len(tokens)-1]
	}
	return tokens
}

func segmentEnds(segments []int32) (ends []int32) {
	for segment := int32(1); slices.Contains(segments, segment); segment++ {
		end := slices.IndexFunc(segments, func(s int32) bool { return s > segment || s == 0 })
		if end < 0 {
			end = len(segments)
		}
		ends = append(ends, int32(end))
	}
	return ends
}

// process is one worker process of UER-py, which reads the corpus in its own way and draws all its random numbers from
// one generator.
type process struct {
	*testing.T
	*worker
	generator *random.Python
	lines     []string // its share
}

func newProcess(t *testing.T, s *Settings, lines []string) *process {
	t.Helper()
	w, err := newWorker(s)
	if err != nil {
		t.Fatal(err)
	}
	w.portion = &portion{rows: newCopies()}
	return &process{t, w, random.NewPython(random.Seed(s.Seed)...), lines}
}

// document tokenizes a document.
func (p *process) document(sentences ...string) document {
	p.Helper()
	if err := p.worker.tokenize(corpus.Document{Sentences: sentences}); err != nil {
		p.Fatal(err)
	}
	d := p.worker.document
	d.tokens, d.ends = slices.Clone(d.tokens), slices.Clone(d.ends)
	return d
}

func (p *process) build(documents []document) {
	for i := range documents {
		p.recipe.build(p.worker, documents, i, p.generator)
	}
}

// eachLine is how UER-py reads lines. It drops the last one for bilm and cls.
func (p *process) eachLine(lines []string) {
	for range p.settings.passes() {
		for _, line := range lines {
			p.build([]document{p.document(line)})
		}
	}
}

// fullSentences builds the documents of earlier passes again in each pass, as UER-py does.
func (p *process) fullSentences() {
	var all []document
	for range p.settings.passes() {
		for _, line := range p.lines {
			all = append(all, p.document(line))
		}
		pieces := p.settings.join(buffer{documents: all})
		for i := range pieces {
			buildPiece(p.worker, pieces, i, p.generator)
		}
	}
}

// bert drops the last line and the document that is open there.
func (p *process) bert() {
	var sentences []string
	var buffer []document
	flush := func() {
		for range p.settings.passes() {
			p.build(buffer)
		}
		buffer = nil
	}
	for _, line := range p.lines[:len(p.lines)-1] {
		if line != "" {
			sentences = append(sentences, line)
		} else if sentences != nil {
			buffer, sentences = append(buffer, p.document(sentences...)), nil
			if len(buffer) == p.settings.DocumentsBufferSize {
				flush()
			}
		}
	}
	flush()
}

// albert drops the last line and carries the document that is open there over to the next pass.
func (p *process) albert() {
	var sentences []string
	for range p.settings.passes() {
		for i, line := range p.lines[:len(p.lines)-1] {
			if line != "" {
				sentences = append(sentences, line)
			} else if sentences != nil {
				p.build([]document{p.document(sentences...)})
				sentences = nil
			}
			if i == len(p.lines)-2 && sentences != nil {
				p.build([]document{p.document(sentences...)})
			}
		}
	}
}

func (p *process) run() []task.Instance {
	switch target := p.settings.Target; {
	case p.settings.FullSentences:
		p.fullSentences()
	case target == "bert":
		p.bert()
	case target == "albert":
		p.albert()
	case target == "bilm" || target == "cls":
		p.eachLine(p.lines[:len(p.lines)-1])
	default:
		p.eachLine(p.lines)
	}
	return p.portion.rows.(*copies).instances
}

func TestDatasetsOfUER(t *testing.T) {
	files, err := filepath.Glob("testdata/*.json")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		t.Run(name, func(t *testing.T) {
			g := readGolden(t, name)
			settings, path, processes := g.arguments(t)
			if err := settings.Check(); err != nil {
				t.Fatal(err)
			}
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			lines := strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")
			var got, want []task.Instance
			for i := range processes {
				share := lines[i*len(lines)/processes : (i+1)*len(lines)/processes]
				got = append(got, newProcess(t, &settings, share).run()...)
			}
			for _, tuple := range g.Instances {
				want = append(want, settings.instance(t, tuple))
			}
			compare(t, got, want)
		})
	}
}

func compare(t *testing.T, got, want []task.Instance) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%d instances, want %d", len(got), len(want))
	}
	for i := range min(len(got), len(want)) {
		if !reflect.DeepEqual(normal(got[i]), normal(want[i])) {
			t.Fatalf("instance %d\n got %+v\nwant %+v", i, got[i], want[i])
		}
	}
}

// normal makes empty outputs equal.
func normal(x task.Instance) task.Instance {
	if len(x.Output) == 0 {
		x.Output = nil
	}
	return x
}
