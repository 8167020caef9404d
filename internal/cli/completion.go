package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"uer/internal/config"
)

// completeChoices makes the shell complete the values of flags: the names of a set, folders, and files where a text may be one.
func completeChoices(command *cobra.Command) {
	command.Flags().VisitAll(func(flag *pflag.Flag) {
		var complete cobra.CompletionFunc
		switch choices := config.Choices(flag); {
		case choices != nil:
			complete = cobra.FixedCompletions(slices.Clone(choices), cobra.ShellCompDirectiveNoFileComp)
		case strings.HasSuffix(flag.Name, "_dir"):
			complete = cobra.FixedCompletions(nil, cobra.ShellCompDirectiveFilterDirs)
		case !strings.HasPrefix(flag.Value.Type(), "text"):
			complete = cobra.NoFileCompletions
		default:
			return
		}
		if err := command.RegisterFlagCompletionFunc(flag.Name, complete); err != nil {
			panic(err) // the flag is registered twice
		}
	})
}

// bashPrelude does what cobra's script takes from the package bash-completion, where that is not installed: it finds the words,
// without breaking them at what the flag -n lists, and files.
const bashPrelude = `# Without the package bash-completion, these two do what is needed of it.
if ! declare -F _get_comp_words_by_ref >/dev/null; then
    _get_comp_words_by_ref() {
        local i joined=''
        words=() cword=0
        for ((i = 0; i < ${#COMP_WORDS[@]}; i++)); do
            # Bash breaks words at "=" and ":", which belong to them here.
            if ((i > 0)) && [[ ${COMP_WORDS[i]} == [=:]* || $joined == 1 ]] && ((${#words[@]} > 1)); then
                words[${#words[@]}-1]+=${COMP_WORDS[i]}
            else
                words+=("${COMP_WORDS[i]}")
            fi
            joined=''
            [[ ${COMP_WORDS[i]} == [=:] ]] && joined=1
            ((i == COMP_CWORD)) && cword=$((${#words[@]}-1))
        done
        cur=${words[cword]} prev=${words[cword-1]:-}
    }
fi
if ! declare -F _filedir >/dev/null; then
    _filedir() {
        local name kind=-f
        [[ ${1-} == -d ]] && kind=-d
        while IFS= read -r name; do
            [[ $kind == -d || -d $name || -z ${1-} || $name =~ \.($1)$ ]] && COMPREPLY+=("$name")
        done < <(compgen "$kind" -- "$cur")
        compopt -o filenames 2>/dev/null
    }
fi

`

// standAlone makes the script for bash work without another package.
func standAlone(root *cobra.Command) {
	bash, _, err := root.Find([]string{"completion", "bash"})
	if err != nil {
		panic(err) // cobra has no such command any more
	}
	bash.Long = `Write the script that completes commands, flags, their values and files in bash. In the present shell:

	source <(uer completion bash)

For all new shells:

	mkdir -p ~/.local/share/bash-completion/completions
	uer completion bash > ~/.local/share/bash-completion/completions/uer

or, without the package bash-completion, the first line in ~/.bashrc.`
	bash.RunE = func(command *cobra.Command, _ []string) error {
		out := command.OutOrStdout()
		fmt.Fprint(out, bashPrelude)
		descriptions := !command.Flags().Changed("no-descriptions")
		return root.GenBashCompletionV2(out, descriptions)
	}
}
