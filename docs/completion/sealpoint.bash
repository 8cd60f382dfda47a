# shellcheck shell=bash
# Completion of sealpoint(1) and sealpointd(8) for bash: commands, options,
# their values, files. Asks the programs' own --help, so that it knows what
# they know. Needs nothing but bash.

# What follows an option in help, by option: "" if it takes no value.
_sealpoint_options()
{
	local line
	local form='^  (-([a-zA-Z]),|   ) (--[a-z0-9-]+)( ([^ ]+))?(  |$)'

	values=()
	while IFS= read -r line; do
		[[ $line =~ $form ]] || continue
		values[${BASH_REMATCH[3]}]=${BASH_REMATCH[5]}
		[[ -z ${BASH_REMATCH[2]} ]] ||
			values[-${BASH_REMATCH[2]}]=${BASH_REMATCH[5]}
	done <<<"$help"
}

_sealpoint_offer()
{
	mapfile -t COMPREPLY < <(compgen "$@" -- "$cur")
}

_sealpoint_files()
{
	compopt -o filenames 2>/dev/null
	_sealpoint_offer "$1"
}

# The value of an option, by the word that stands for it in help.
_sealpoint_value()
{
	case $1 in
	*'|'*)
		_sealpoint_offer -W "${1//|/ }" ;;
	DIR)
		_sealpoint_files -d ;;
	FILE | PATH | SOCKET | CMS | CSR | MODULE)
		_sealpoint_files -f ;;
	THUMBPRINT)
		_sealpoint_offer -W "$("$program" keys --json 2>/dev/null |
			sed -n 's/.*"thumbprint": "\([0-9A-F]*\)".*/\1/p')" ;;
	esac
}

# What can stand for an operand: kinds of message, tokens, files.
_sealpoint_operand()
{
	local usage=${help%%$'\n'*} text=${help//$'\n'/ }

	if [[ $usage == *' KIND'* && $1 -eq 0 &&
		$text =~ KIND\ is\ one\ of\ ([a-z, ]+) ]]; then
		text=${BASH_REMATCH[1]//,/}
		_sealpoint_offer -W "${text/ or / }"
	elif [[ $usage == *' [NAME]' && $1 -eq 0 ]]; then
		_sealpoint_offer -W "$("$program" status --json 2>/dev/null |
			sed -n 's/.*"name": "\([^"\\]*\)".*/\1/p')"
	elif [[ $usage == *FILE* ]]; then
		_sealpoint_files -f
	fi
}

# The words before the cursor: $command, and how many $operands. Values of
# options do not count.
_sealpoint_read()
{
	local i word words

	for ((i = 1; i < COMP_CWORD; i++)); do
		word=${COMP_WORDS[i]}
		if [[ $word == -* || -z $word ]]; then
			[[ -z $word || -z ${values[$word]} ]] && continue
			i=$((i + 1))
			[[ ${COMP_WORDS[i]} == '=' ]] && i=$((i + 1))
		elif [[ -z $command || " $groups " == *" $command "* ]]; then
			command=${command:+$command }$word
			[[ " $groups " == *" $command "* ]] && continue
			read -ra words <<<"$command"
			help=$("$program" "${words[@]}" --help 2>/dev/null)
			_sealpoint_options
		else
			operands=$((operands + 1))
		fi
	done
}

# The option whose value is being typed: "--mode mixed" or "--mode=mixed".
_sealpoint_before()
{
	option=${COMP_WORDS[COMP_CWORD - 1]}
	[[ $cur == '=' ]] && cur=
	[[ $option == '=' && $COMP_CWORD -gt 1 ]] &&
		option=${COMP_WORDS[COMP_CWORD - 2]}
	option=${option:-none} # no name of an array's element is empty
}

_sealpoint()
{
	local program=$1 cur=${COMP_WORDS[COMP_CWORD]} help option
	local command='' groups='' operands=0 commands
	local -A values

	COMPREPLY=()
	help=$("$program" --help 2>/dev/null) || return
	commands=$(sed -n -E \
		's/^  ([a-z-]+( [a-z-]+)?)  +[a-z].*/\1/p' <<<"$help")
	groups=$(sed -n 's/ .*//p' <<<"$commands" | uniq | tr '\n' ' ')
	_sealpoint_options
	_sealpoint_read
	_sealpoint_before
	if [[ -n ${values[$option]} ]]; then
		_sealpoint_value "${values[$option]}"
	elif [[ $cur == -* ]]; then
		_sealpoint_offer -W "${!values[*]}"
	elif [[ -z $command ]]; then
		_sealpoint_offer -W "$(cut -d ' ' -f 1 <<<"$commands" | uniq)"
	elif [[ " $groups " == *" $command "* ]]; then
		_sealpoint_offer -W "$(sed -n "s/^$command //p" \
			<<<"$commands")"
	else
		_sealpoint_operand "$operands"
	fi
}

_sealpointd()
{
	local program=$1 cur=${COMP_WORDS[COMP_CWORD]} help option i
	local -A values

	COMPREPLY=()
	for ((i = 1; i < COMP_CWORD; i++)); do
		if [[ ${COMP_WORDS[i]} == -- ]]; then
			_sealpoint_offer -c
			return
		fi
	done
	help=$("$program" --help 2>/dev/null) || return
	_sealpoint_options
	_sealpoint_before
	if [[ -n ${values[$option]} ]]; then
		_sealpoint_value "${values[$option]}"
	else
		_sealpoint_offer -W "${!values[*]} --"
	fi
}

complete -F _sealpoint sealpoint
complete -F _sealpointd sealpointd
