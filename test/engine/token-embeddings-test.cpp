// Rows of the embeddings of tokens, against the same decoded here by the formats' definitions.

#include "token-embeddings.h"

#include "support/demo.h"
#include "support/error-code.h"
#include "support/file-cutting.h"
#include "support/gguf-file.h"
#include "support/temporary-folder.h"

#include <doctest/doctest.h>

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

using namespace specdecpp;

namespace {

const char* const name = "token_embd.weight";
constexpr Token last = 4095;

// The whole tensor as llama.cpp reads it.
struct Embeddings {
    explicit Embeddings(const std::string& path) : file(gguf_init_from_file(path.c_str(), {false, &tensors})) {
        tensor = ggml_get_tensor(tensors, name);
    }
    ~Embeddings() {
        gguf_free(file);
        ggml_free(tensors);
    }
    Embeddings(const Embeddings&) = delete;
    Embeddings& operator=(const Embeddings&) = delete;

    template <typename Number> Number at(size_t byte) const {
        Number number;
        std::memcpy(&number, static_cast<const uint8_t*>(tensor->data) + byte, sizeof number);
        return number;
    }

    ggml_context* tensors = nullptr;
    gguf_context* file;
    const ggml_tensor* tensor = nullptr;
};

// A file of the demo's metadata, and embeddings of F32.
void writePlain(const std::string& path, ggml_type type = GGML_TYPE_F32) {
    GgufFile file(demoDraftPath(), false);
    file.addTensor(name, {6, 4096}, 0, 1);
    file.setType(name, type);
    file.write(path);
}

// Every number of some tokens, in an order that is not that of the file, one of them twice.
void checkRows(const std::string& path, ggml_type type,
               const std::function<float(const Embeddings&, size_t)>& decoded) {
    const Embeddings file(path);
    REQUIRE(file.tensor->type == type);
    const std::vector<Token> tokens = {last, 0, 17, last};
    const TokenEmbeddings read = tokenEmbeddings(path, tokens);
    CHECK(read.width == file.tensor->ne[0]);
    CHECK(read.vocabularySize == 4096);
    const auto width = static_cast<size_t>(read.width);
    REQUIRE(read.numbers.size() == tokens.size() * width);
    for (size_t i = 0; i < read.numbers.size(); ++i) {
        CHECK(read.numbers[i] == decoded(file, static_cast<size_t>(tokens[i / width]) * width + i % width));
    }
}

} // namespace

TEST_SUITE("token embeddings") {

    TEST_CASE("rows of every kind of type are those of the file") {
        const TemporaryFolder folder;
        writePlain(folder.file("f32.gguf"));
        checkRows(folder.file("f32.gguf"), GGML_TYPE_F32,
                  [](const Embeddings& file, size_t i) { return file.at<float>(4 * i); });
        checkRows(demoTargetPath(), GGML_TYPE_F16,
                  [](const Embeddings& file, size_t i) { return ggml_fp16_to_fp32(file.at<ggml_fp16_t>(2 * i)); });
        // Blocks of a half and 32 bytes.
        checkRows(demoDraftPath(), GGML_TYPE_Q8_0, [](const Embeddings& file, size_t i) {
            const size_t block = 34 * (i / 32);
            return ggml_fp16_to_fp32(file.at<ggml_fp16_t>(block)) *
                   static_cast<float>(file.at<int8_t>(block + 2 + i % 32));
        });
    }

    TEST_CASE("no tokens give the sizes alone") {
        const TokenEmbeddings read = tokenEmbeddings(demoDraftPath(), {});
        CHECK(read.width == 128);
        CHECK(read.vocabularySize == 4096);
        CHECK(read.numbers.empty());
    }

    TEST_CASE("tokens that there are not are refused") {
        for (const Token token : {-1, last + 1}) {
            CHECK(errorCode([&] {
                      tokenEmbeddings(demoDraftPath(), std::vector<Token>{0, token});
                  }) == "ERR_INVALID_ARGUMENT");
        }
    }

    TEST_CASE("a file without embeddings, and one of numbers that are none, are refused") {
        const TemporaryFolder folder;
        const std::vector<Token> tokens = {0};
        GgufFile(demoDraftPath(), false).write(folder.file("none.gguf"));
        CHECK(errorCode([&] { tokenEmbeddings(folder.file("none.gguf"), tokens); }) == "ERR_UNSUPPORTED_MODEL");
        writePlain(folder.file("whole-numbers.gguf"), GGML_TYPE_I32);
        CHECK(errorCode([&] { tokenEmbeddings(folder.file("whole-numbers.gguf"), tokens); }) ==
              "ERR_UNSUPPORTED_MODEL");
    }

    TEST_CASE("a file that ends within its embeddings is refused") {
        const TemporaryFolder folder;
        writePlain(folder.file("whole.gguf"));
        copyBeginning(folder.file("whole.gguf"), folder.file("cut.gguf"),
                      std::filesystem::file_size(folder.file("whole.gguf")) - 48);
        CHECK(errorCode([&] { tokenEmbeddings(folder.file("cut.gguf"), std::vector<Token>{last}); }) ==
              "ERR_MODEL_LOAD");
    }
}
