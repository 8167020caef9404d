package huggingface

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"uer/internal/console"
)

// weightFiles are the names of the file of weights in a folder, in order of preference. An index lists the files that the
// weights of a large model are divided into.
var weightFiles = []string{
	"model.safetensors", "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json",
}

// WeightFiles returns the paths of the files with the weights in a folder.
func WeightFiles(folder string) ([]string, error) {
	for _, name := range weightFiles {
		path := filepath.Join(folder, name)
		switch _, err := os.Stat(path); {
		case errors.Is(err, fs.ErrNotExist):
			continue
		case err != nil:
			return nil, err
		case filepath.Ext(name) == ".json":
			return shards(path)
		}
		return []string{path}, nil
	}
	return nil, console.Hint(fmt.Errorf("%s: a folder without a model: no %s, no %s", folder, weightFiles[0], weightFiles[2]),
		"name a file, or a folder that Hugging Face's transformers saved")
}

// shards reads an index.
func shards(path string) ([]string, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var index struct {
		WeightMap map[string]string `json:"weight_map"`
	}
	if err := json.Unmarshal(data, &index); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	var paths []string
	for _, name := range index.WeightMap {
		if filepath.Base(name) != name {
			return nil, fmt.Errorf("%s: %.60q is not the name of a file beside it", path, name)
		}
		paths = append(paths, filepath.Join(filepath.Dir(path), name))
	}
	if len(paths) == 0 {
		return nil, fmt.Errorf("%s: it lists no files", path)
	}
	slices.Sort(paths)
	return slices.Compact(paths), nil
}

// beside returns the path of a file in the folder of a model, "" if there is none.
func beside(folder, name string) string {
	path := filepath.Join(folder, name)
	if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() {
		return ""
	}
	return path
}

// ConfigIn reads the configuration in a folder, nil if there is none.
func ConfigIn(folder string) (*Config, error) {
	path := beside(folder, "config.json")
	if path == "" {
		return nil, nil
	}
	return ReadConfig(path)
}

// VocabularyIn returns the path of the vocabulary in a folder, "" if there is none.
func VocabularyIn(folder string) string { return beside(folder, "vocab.txt") }
