package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/pflag"
	"github.com/spf13/viper"

	"uer/internal/console"
)

// The flags that a configuration file cannot set.
const (
	PathFlag   = "config_path" // the path of the configuration file
	ResumeFlag = "resume"      // the checkpoint whose settings a run continues with
)

// formats are the supported extensions of a configuration file.
var formats = []string{".json", ".yaml", ".yml", ".toml"}

// Load sets every flag that is not on the command line from the environment (UER_BATCH_SIZE for --batch_size) or else
// from the configuration file, if the command has --config_path and it is not empty. Every key of the file must be the
// name of a flag. A required flag without a value from any source is a [console.UsageError].
func Load(flags *pflag.FlagSet) error {
	if err := load(flags, true); err != nil {
		return err
	}
	return checkRequired(flags)
}

// load sets the flags. The default configuration file is read only if that is wanted.
func load(flags *pflag.FlagSet, defaultFile bool) error {
	if err := checkIgnored(flags); err != nil {
		return err
	}
	settings := viper.New()
	settings.SetEnvPrefix("uer")
	settings.AutomaticEnv()
	path := ""
	if flag := flags.Lookup(PathFlag); flag != nil {
		if path = Given(flags, PathFlag); path == "" && defaultFile {
			path = flag.Value.String()
		}
	}
	if path != "" {
		if err := readFile(settings, flags, path); err != nil {
			return err
		}
	}
	var errs []error
	flags.VisitAll(func(flag *pflag.Flag) {
		if GroupOf(flag) == "" || flag.Changed || !settings.IsSet(flag.Name) {
			return
		}
		source, place := fileKey, path+": "+flag.Name
		if os.Getenv(variable(flag.Name)) != "" {
			source, place = environmentKey, variable(flag.Name)
		}
		if err := flag.Value.Set(format(settings.Get(flag.Name), flag.Value)); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", place, err))
		}
		flag.Annotations[source] = []string{"true"}
	})
	return errors.Join(errs...)
}

// hasAlternative reports whether a flag that makes a required one needless is set.
func hasAlternative(flags *pflag.FlagSet, flag *pflag.Flag) bool {
	for _, name := range flag.Annotations[requiredKey][1:] {
		if flags.Lookup(name).Value.String() != "" {
			return true
		}
	}
	return false
}

func checkRequired(flags *pflag.FlagSet) error {
	var missing []string
	flags.VisitAll(func(flag *pflag.Flag) {
		if IsRequired(flag) && flag.Value.String() == "" && !hasAlternative(flags, flag) {
			missing = append(missing, "--"+flag.Name)
		}
	})
	if missing == nil {
		return nil
	}
	return console.UsageError{Err: fmt.Errorf("required but not set: %s", strings.Join(missing, ", "))}
}

func readFile(settings *viper.Viper, flags *pflag.FlagSet, path string) error {
	ending := filepath.Ext(path)
	if !slices.Contains(formats, ending) {
		return fmt.Errorf("%s: a configuration file must end in one of %s", path, strings.Join(formats, ", "))
	}
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return console.Hint(fmt.Errorf("%s: no such configuration file", path),
			`name one with --config_path, or pass --config_path "" and set the sizes of the model with flags`)
	}
	if err != nil {
		return fmt.Errorf("read configuration: %w", err)
	}
	settings.SetConfigType(ending[1:])
	if err := settings.ReadConfig(bytes.NewReader(data)); err != nil {
		return syntaxError(path, data, err)
	}
	return checkKeys(settings, flags, path)
}

// syntaxError adds to a parser's error the file and, where known, the line.
func syntaxError(path string, data []byte, err error) error {
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		line := 1 + bytes.Count(data[:min(int(syntax.Offset), len(data))], []byte("\n"))
		return fmt.Errorf("%s:%d: %w", path, line, syntax)
	}
	var kind *json.UnmarshalTypeError
	if errors.As(err, &kind) {
		return fmt.Errorf("%s: expected an object with settings, found %s", path, kind.Value)
	}
	var parse viper.ConfigParseError
	if errors.As(err, &parse) {
		err = parse.Unwrap()
	}
	return fmt.Errorf("%s: %w", path, err)
}

// checkKeys rejects keys that are not flags of the command, and keys without a value.
func checkKeys(settings *viper.Viper, flags *pflag.FlagSet, path string) error {
	keys := settings.AllKeys()
	slices.Sort(keys)
	for _, name := range huggingFaceNames {
		if slices.Contains(keys, name) {
			return console.Hint(fmt.Errorf("%s: unknown setting %q", path, name),
				"this is a Hugging Face configuration; UER-py's keys are layers_num, heads_num and so on")
		}
	}
	for _, key := range keys {
		if key == PathFlag || key == ResumeFlag {
			return fmt.Errorf("%s: %s cannot be set in a configuration file", path, key)
		}
		if flag := flags.Lookup(key); flag == nil || GroupOf(flag) == "" {
			err := fmt.Errorf("%s: unknown setting %q", path, key)
			if hint := suggestion(flags, key, ""); hint != "" {
				return console.Hint(err, hint)
			}
			return err
		}
		if settings.Get(key) == nil {
			return fmt.Errorf("%s: %s has no value", path, key)
		}
	}
	return nil
}

// format formats a value from a file as the user would type it after a flag.
func format(value any, flag pflag.Value) string {
	switch value := value.(type) {
	case []any:
		words := make([]string, len(value))
		for i, item := range value {
			words[i] = format(item, flag)
		}
		if items, isList := flag.(list); isList {
			return strings.Join(words, items.separator())
		}
		return strings.Join(words, ",")
	case float64:
		return strconv.FormatFloat(value, 'f', -1, 64)
	default:
		return fmt.Sprint(value)
	}
}
