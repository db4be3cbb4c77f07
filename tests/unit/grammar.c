/* GBNF: what is read, what is refused and where, and which texts match. */
#include "grammar/grammar.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "grammar_match.h"
#include "tap.h"

/* Texts are divided by newlines; an empty list has none. */
static void
each(const struct grammar *g, const char *what, const char *texts, bool want)
{
	char *copy = strdup(texts), *rest = copy, *text;

	while (*texts && (text = strsep(&rest, "\n")))
		tap_ok(matches(g, text) == want, "%s: %s '%s'", what, want ? "takes" : "does not take", text);
	free(copy);
}

static void
check(const char *what, const char *gbnf, const char *good, const char *bad)
{
	struct grammar *g = grammar_parse(gbnf, strlen(gbnf), NULL);

	if (!tap_ok(g != NULL, "%s: is a grammar%s%s", what, g ? "" : ": ", g ? "" : err_reason()))
		return;
	each(g, what, good, true);
	each(g, what, bad, false);
	grammar_free(g);
}

static void
refused(const char *gbnf, const char *why)
{
	struct grammar *g = grammar_parse(gbnf, strlen(gbnf), NULL);

	tap_ok(!g && err_status() == ERR_DATA && strcmp(err_reason(), why) == 0, "refused: %s%s%s", why, g ? "" : " : ", g ? "" : err_reason());
	grammar_free(g);
}

static void
elements(void)
{
	check("a literal", "root ::= \"ab\\\"c\\\\\"", "ab\"c\\", "\nab\nab\"c\\d\nx");
	check("escapes", "root ::= \"\\x41\\u00e9\\U0001f600\\t\\[\\]\\-\"", "A\u00e9\U0001f600\t[]-", "A");
	check("a class", "root ::= [a-cx\\]-]+", "a\nabcx]-", "d\n[\n");
	check("a class inverted", "root ::= [^a-c\\n]", "d\n\u00e9\n\U0001f600", "a\nb\nde");
	check("a class of CJK", "root ::= [\u4e00-\u9fff]{2}", "\u65e5\u672c", "\u65e5\nab\n\u65e5a");
	check("any character", "root ::= . \"x\"", "yx\n\u00e9x\n\U0001f600x", "x\nyyx");
	check("an empty literal", "root ::= \"\" \"a\"", "a", "\nb");
	check("the last code point", "root ::= [\\U0010fffe-\\U0010ffff]", "\U0010ffff", "a\n\U0010fffd");
	check("a dash at an end", "root ::= [+-] [-a]", "+-\n--\n-a", "+b\n,-");
	check("surrogates are left out of a class", "root ::= [\\ud7ff-\\ue000]", "\ud7ff\n\ue000", "\U00010000\na");
}

static void
repetitions(void)
{
	check("*", "root ::= \"a\"* \"b\"", "b\nab\naaaab", "a\nba");
	check("+", "root ::= \"ab\"+", "ab\nabab", "\na\naba\nabb");
	check("?", "root ::= \"a\"? \"b\"", "b\nab", "aab\na");
	check("{3}", "root ::= [ab]{3}", "aba", "ab\naaaa");
	check("{2,}", "root ::= \"a\"{2,}", "aa\naaaaa", "\na");
	check("{,2}", "root ::= \"x\" \"a\"{,2}", "x\nxa\nxaa", "xaaa");
	check("{1,3}", "root ::= (\"a\" | \"bb\"){1,3} \"c\"", "ac\nbbabbc\naaac", "c\naaaac\nbc");
	check("{0}", "root ::= \"a\"{0} \"b\"", "b", "ab");
	check("space before the sign", "root ::= \"a\" *\n", "\naaa", "b");
	check("a repetition of a repetition", "root ::= (\"a\"{2}){3} \"b\"{1,2}{2}", "aaaaaabb\naaaaaabbbb", "aaaaabb\naaaaaab");
	check("of what may be empty", "root ::= (\"a\"* \"b\"?)* \"c\"", "c\naabac\nbbac", "d\nab");
	check("counted, of what may be empty", "root ::= (\"a\"?){2,4} \"c\"", "c\nac\naaaac", "aaaaac");
	check("a million", "root ::= \"a\"{0,1000000} \"b\"", "b\naaaaaaab", "a");
	check("one that matches what comes behind it, too", "root ::= [a-z]{2,5} \"z\"", "abz\nzzz\nabcdez", "az\nabcdefz");
}

static void
rules(void)
{
	check("alternatives", "root ::= \"a\" | \"b\" | \"\"", "a\nb\n", "c\nab");
	check("an empty alternative", "root ::= \"x\" (\"a\" | )", "x\nxa", "xb");
	check("groups across lines, with comments", "# first\nroot ::= ( # here\n  \"a\"\n  | \"b\" # there\n) \"c\" # end\n", "ac\nbc", "a\nc");
	check("an alternative in the next line", "root ::= \"a\" |\n  \"b\"\nother ::= \"c\"", "a\nb", "c");
	check("a rule behind an empty line", "root ::= x-1\n\n\nx-1 ::= \"a\"", "a", "b");
	check("lines that end as in DOS", "root ::= a\r\na ::= \"a\"\r\n", "a", "b");
	check("recursion in the middle", "root ::= \"(\" root \")\" | \"x\"", "x\n((x))", "(x\n(x))\n()");
	check("recursion at the end", "root ::= \"a\" root | \"b\"", "b\naaab", "a\naba");
	check("one rule behind another", "root ::= n (op n)*\nn ::= [0-9]+ | \"(\" root \")\"\nop ::= [-+*/]", "1\n1+22*(3-4)\n((1))", "1+\n(1\n1++2");
	check("two ways that part late", "root ::= \"aaaa\" \"b\" | \"a\"+ \"c\"", "aaaab\naaaac\naac", "aab");
	check("a rule that nothing leads to", "root ::= \"a\"\nlost ::= lost \"b\"", "a", "b");
}

static void
repeat_text(char *to, const char *what, size_t n)
{
	for (*to = '\0'; n > 0; n--)
		to = stpcpy(to, what);
}

static void
deep(void)
{
	static const char nested[] = "root ::= \"(\" root \")\" | \"x\" root |";
	static char text[3 * MATCH_MAX_DEPTH], gbnf[STREAM_MAX_GRAMMAR + 2];
	struct grammar *g = grammar_parse(nested, strlen(nested), NULL);

	repeat_text(text, "(", 1000);
	repeat_text(text + 1000, ")", 1000);
	tap_ok(g && matches(g, text), "a thousand calls, one within the other");
	repeat_text(text, "x", 3 * MATCH_MAX_DEPTH - 1);
	tap_ok(g && matches(g, text), "a call at the end of a rule does not count as one within");
	repeat_text(text, "(", MATCH_MAX_DEPTH + 1);
	repeat_text(text + MATCH_MAX_DEPTH + 1, ")", MATCH_MAX_DEPTH + 1);
	tap_ok(g && !matches(g, text), "more than %d are too many", MATCH_MAX_DEPTH);
	grammar_free(g);

	strcpy(gbnf, "root ::= ");
	repeat_text(gbnf + strlen(gbnf), "(", GRAMMAR_MAX_NESTING + 1);
	refused(gbnf, "line 1, column 266: groups nested deeper than 256");
	repeat_text(gbnf, " ", STREAM_MAX_GRAMMAR + 1);
	refused(gbnf, "a grammar of more than 65536 bytes");
	strcpy(gbnf, "root ::= \"a\"");
	for (int i = 0; i < 5000; i++)
		sprintf(gbnf + strlen(gbnf), " a%x", i);
	refused(gbnf, "line 1, column 14: rule 'a0' is not defined");
}

/* A text whose bytes come one by one, and are not one of UTF-8's. */
static void
bytes(void)
{
	static const struct {
		const char *gbnf, *bytes;
		bool alive;
		const char *what;
	} cases[] = {
		{ "root ::= \"\u00e9\"", "\xc3", true, "half a character that may come" },
		{ "root ::= \"\u00e9\"", "\xc4", false, "half of another" },
		{ "root ::= [^\u00e9]", "\xc3", true, "half of one that may not, but others may that begin so" },
		{ "root ::= [a-z]", "\xe2", false, "a third of a character where only letters come" },
		{ "root ::= .", "\xf0\x9f\x98", true, "three quarters" },
		{ "root ::= .", "\xe0\x80", false, "a character that is written too long" },
		{ "root ::= .", "\xc0", false, "the same, shorter" },
		{ "root ::= .", "\xed\xa0", false, "a surrogate" },
		{ "root ::= .", "\xf4\x90", false, "a character beyond the last" },
		{ "root ::= .", "\x80", false, "an end without a beginning" },
		{ "root ::= [a-z]", "\xe0", false, "a beginning that letters could only have if written too long" },
		{ "root ::= \"\u0800\"", "\xe0", true, "the first character of three bytes" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct grammar *g = grammar_parse(cases[i].gbnf, strlen(cases[i].gbnf), NULL);
		struct matcher *m = matcher_new(g);
		uint32_t state;
		if (matcher_start(m, &state) < 0 ||
		    matcher_bytes(m, state, (const uint8_t *)cases[i].bytes, strlen(cases[i].bytes), &state) < 0)
			abort();
		tap_ok((state != MATCH_DEAD) == cases[i].alive && !matcher_ends(m, state), "%s %s", cases[i].what, cases[i].alive ? "goes on" : "does not");
		matcher_free(m);
		grammar_free(g);
	}
}

static void
faults(void)
{
	refused("", "no rule is called 'root'");
	refused("rot ::= \"a\"", "no rule is called 'root'");
	refused("root ::= a", "line 1, column 10: rule 'a' is not defined");
	refused("root ::= \"a\"\nb ::= \"\u00e9\" | missing", "line 2, column 13: rule 'missing' is not defined");
	refused("root ::= \"a\"\nroot ::= \"b\"", "line 2, column 1: rule 'root' is defined a second time");
	refused("root = \"a\"", "line 1, column 6: '::=' is wanted");
	refused("root ::= \"a\" )", "line 1, column 14: an element, '|' or the end of the line is wanted");
	refused("root ::= (\"a\"", "line 1, column 14: ')' is wanted");
	refused("root ::= \"a", "line 1, column 10: '\"' is not closed");
	refused("root ::= [a", "line 1, column 10: '[' is not closed");
	refused("root ::= []", "line 1, column 10: this stands for no character");
	refused("root ::= [^\\x00-\\U0010ffff]", "line 1, column 10: this stands for no character");
	refused("root ::= \"\\ud800\"", "line 1, column 11: this stands for no character");
	refused("root ::= [z-a]", "line 1, column 11: a range that ends before it begins");
	refused("root ::= \"\\q\"", "line 1, column 11: an unknown escape");
	refused("root ::= \"\\", "line 1, column 11: an unknown escape");
	refused("root ::= \"\\x4\"", "line 1, column 13: 2 hexadecimal digits are wanted");
	refused("root ::= \"\\U00110000\"", "line 1, column 13: no code point is that high");
	refused("root ::= * \"a\"", "line 1, column 10: an element, '|' or the end of the line is wanted");
	refused("root ::= \"a\"{3,2}", "line 1, column 14: the least number of repetitions is above the largest");
	refused("root ::= \"a\"{2", "line 1, column 15: '}' is wanted");
	refused("root ::= \"a\"{x}", "line 1, column 14: a number is wanted");
	refused("root ::= \"a\"{99999999999}", "line 1, column 14: a number beyond 1048576");
	refused("root ::= \xff", "line 1, column 10: not UTF-8");
	refused("root ::= <[12", "line 1, column 14: ']>' is wanted");
	refused("root ::= <think\n", "line 1, column 10: '<' is not closed");
	refused("root ::= !think", "line 1, column 11: '<' is wanted");
	refused("root ::= root \"a\" | \"b\"", "line 1, column 1: rule 'root' begins with itself");
	refused("root ::= a\na ::= b \"x\"\nb ::= \"y\"? a", "line 1, column 10: rule 'a' begins with itself");
	refused("root ::= (e root)? \"x\"\ne ::= f*\nf ::= \"a\"", "line 1, column 1: rule 'root' begins with itself");
	refused("root ::= (root \"x\"){2}", "line 1, column 1: rule 'root' begins with itself");
}

int
main(void)
{
	elements();
	repetitions();
	rules();
	deep();
	bytes();
	faults();
	return tap_done();
}
