#include "vocabulary.h"

#include "support/demo.h"
#include "support/error-code.h"
#include "support/generate.h"
#include "support/gguf-file.h"
#include "support/temporary-folder.h"

#include <doctest/doctest.h>

#include <string>

using namespace specdecpp;

namespace {

const Vocabulary& vocabulary() {
    return demoTarget()->vocabulary();
}

std::string joined(const std::vector<Token>& tokens) {
    std::string text;
    for (const Token token : tokens) {
        text += vocabulary().piece(token);
    }
    return text;
}

// The id of the token with that text in the file.
Token tokenOf(const std::string& text) {
    const std::vector<Token> tokens = vocabulary().tokenize(text, false, true);
    REQUIRE(!tokens.empty());
    return tokens.back();
}

std::string vocabularyDifference(const std::string& path) {
    return vocabulary().difference(loadModel(path)->vocabulary());
}

} // namespace

TEST_SUITE("vocabulary") {

    TEST_CASE("the pieces of a text's tokens are the text, behind the space that the vocabulary puts first") {
        for (const std::string text : {"How many apples are left?", "def add(a, b):\n    return a + b\n",
                                       "  two  spaces", "naïve café – 12 €", "日本語 and 🙂", "<|user|>"}) {
            CAPTURE(text);
            CHECK(joined(vocabulary().tokenize(text, false, false)) == " " + text);
        }
    }

    TEST_CASE("an empty text has no tokens but the special ones") {
        CHECK(vocabulary().tokenize("", false, true).empty());
        CHECK(vocabulary().tokenize("", true, true) == std::vector<Token>{1});
    }

    TEST_CASE("addSpecial starts the text with one begin-of-sequence token") {
        const std::vector<Token> with = vocabulary().tokenize("Hello", true, true);
        std::vector<Token> without = vocabulary().tokenize("Hello", false, true);
        without.insert(without.begin(), 1);
        CHECK(with == without);
    }

    TEST_CASE("a begin-of-sequence token that the text brings is not doubled") {
        const std::vector<Token> tokens = vocabulary().tokenize("<s>Hello", true, true);
        REQUIRE(tokens.size() > 1);
        CHECK(tokens[0] == 1);
        CHECK(tokens[1] != 1);
    }

    TEST_CASE("parseSpecial turns the names of control tokens into them, and otherwise they are text") {
        CHECK(vocabulary().tokenize("<|user|>", false, true).size() == 1);
        CHECK(vocabulary().tokenize("<|user|>", false, false).size() > 1);
    }

    TEST_CASE("control tokens have no piece") {
        for (const char* name : {"<s>", "</s>", "<|user|>", "<|assistant|>", "<|end|>"}) {
            CHECK(vocabulary().piece(tokenOf(name)).empty());
        }
    }

    TEST_CASE("the piece of a byte token is the byte") {
        // The vocabulary's tokens 6 to 261 are <0x00> to <0xFF>.
        for (int byte = 0; byte < 256; ++byte) {
            CHECK(vocabulary().piece(6 + byte) == std::string(1, static_cast<char>(byte)));
        }
    }

    TEST_CASE("the end of a reply ends the generation, and text does not") {
        CHECK(vocabulary().endsGeneration(tokenOf("<|end|>")));
        CHECK_FALSE(vocabulary().endsGeneration(tokenOf("<|user|>")));
        CHECK_FALSE(vocabulary().endsGeneration(tokenOf("Hello")));
    }

    TEST_CASE("a vocabulary contains its tokens and no others") {
        CHECK(vocabulary().size() == 4096);
        CHECK(vocabulary().contains(0));
        CHECK(vocabulary().contains(4095));
        CHECK_FALSE(vocabulary().contains(4096));
        CHECK_FALSE(vocabulary().contains(-1));
    }

    TEST_CASE("the demo pair has one vocabulary") {
        CHECK(vocabulary().difference(demoDraft()->vocabulary()).empty());
        CHECK(vocabulary().difference(vocabulary()).empty());
    }

    TEST_CASE("control texts are one control token each where they are parsed, and text where they are not") {
        const Vocabulary& vocabulary = demoTarget()->vocabulary();
        const std::vector<std::string> texts = vocabulary.controlTexts();
        for (const char* text : {"<s>", "<|user|>", "<|assistant|>", "<|end|>"}) {
            CHECK(std::count(texts.begin(), texts.end(), text) == 1);
        }
        for (const std::string& text : texts) {
            CAPTURE(text);
            const std::vector<Token> parsed = vocabulary.tokenize(text, false, true);
            CHECK(parsed.size() == 1);
            CHECK(vocabulary.piece(parsed[0]).empty());
            const std::vector<Token> unparsed = vocabulary.tokenize(text, false, false);
            CHECK(std::count(unparsed.begin(), unparsed.end(), parsed[0]) == 0);
        }
        CHECK(vocabulary.beginText() == "<s>");
    }

    TEST_CASE("a changed token is named with both texts") {
        const TemporaryFolder folder;
        GgufFile file(demoDraftPath(), true);
        file.setToken(3000, "another");
        file.write(folder.file("changed.gguf"));
        const std::string difference = vocabularyDifference(folder.file("changed.gguf"));
        CHECK(difference.find("token 3000") != std::string::npos);
        CHECK(difference.find("\"another\"") != std::string::npos);
    }

    TEST_CASE("another begin-of-sequence token is named with both numbers") {
        const TemporaryFolder folder;
        GgufFile file(demoDraftPath(), true);
        file.set("tokenizer.ggml.bos_token_id", uint32_t{3});
        file.write(folder.file("changed.gguf"));
        CHECK(vocabularyDifference(folder.file("changed.gguf")) == "their begin-of-sequence token differs (1 and 3)");
    }

    TEST_CASE("a vocabulary without a begin-of-sequence token differs from one with it") {
        const TemporaryFolder folder;
        GgufFile file(demoDraftPath(), true);
        file.set("tokenizer.ggml.add_bos_token", false);
        file.write(folder.file("changed.gguf"));
        CHECK_FALSE(vocabularyDifference(folder.file("changed.gguf")).empty());
    }

    TEST_CASE("a draft of another vocabulary is ERR_VOCABULARY_MISMATCH, and the message says where") {
        const TemporaryFolder folder;
        GgufFile file(demoDraftPath(), true);
        file.setToken(3000, "another");
        file.write(folder.file("changed.gguf"));
        const auto draft = loadModel(folder.file("changed.gguf"));
        const auto open = [&] { Session session(demoTarget(), draft, sessionOptions(4)); };
        CHECK(errorCode(open) == "ERR_VOCABULARY_MISMATCH");
        CHECK(errorMessage(open).find("token 3000") != std::string::npos);
    }

    TEST_CASE("a token of padding that the draft does not have is decoded without it") {
        const TemporaryFolder folder;
        writeGpt2(folder.file("padded.gguf"), 64, 2);
        writeGpt2(folder.file("draft.gguf"), 64);
        const auto target = loadModel(folder.file("padded.gguf"));
        const std::vector<Token> prompt = {1, 5, 4097, 6, 7};
        Session plain(target, nullptr, sessionOptions(0, 64));
        Session session(target, loadModel(folder.file("draft.gguf")), sessionOptions(4, 64, 64));
        CHECK(generate(session, prompt, {}, 1, roundOptions(4), 20).tokens ==
              generate(plain, prompt, {}, 1, roundOptions(0), 20).tokens);
    }

} // TEST_SUITE
