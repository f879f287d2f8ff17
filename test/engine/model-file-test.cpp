#include "deepen.h"
#include "quantize.h"

#include "support/demo.h"
#include "support/error-code.h"
#include "support/file-cutting.h"
#include "support/generate.h"
#include "support/gguf-file.h"
#include "support/teacher.h"
#include "support/temporary-folder.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <functional>
#include <limits>
#include <map>
#include <string>

using namespace specdecpp;

namespace {

double largestDifference(const std::vector<std::vector<float>>& a, const std::vector<std::vector<float>>& b) {
    REQUIRE(a.size() == b.size());
    double largest = 0;
    for (size_t row = 0; row < a.size(); ++row) {
        for (size_t i = 0; i < a[row].size(); ++i) {
            largest = std::max(largest, std::abs(static_cast<double>(a[row][i]) - b[row][i]));
        }
    }
    return largest;
}

void checkDeepened(const std::string& path, int layers) {
    const TemporaryFolder folder;
    const std::string output = folder.file("deep.gguf");
    deepen(path, output, layers);
    const auto original = loadModel(path);
    const auto deep = loadModel(output);
    CHECK(deep->metadata("llama.block_count") ==
          std::to_string(std::stoi(original->metadata("llama.block_count")) + layers));

    Session session(original, nullptr, sessionOptions(0));
    const Text text = generate(session, demoPrompts()[0], {}, 1, roundOptions(0), 40);
    Session deepSession(deep, nullptr, sessionOptions(0));
    CHECK(generate(deepSession, demoPrompts()[0], {}, 1, roundOptions(0), 40).tokens == text.tokens);

    const double difference =
        largestDifference(teacherForce(original, text.tokens, 1), teacherForce(deep, text.tokens, 1));
    MESSAGE(layers, " idle layers change logits by at most ", difference);
    CHECK(difference < 1e-4);
}

// The call fails with the code and leaves no file behind.
template <typename Write> void checkRefused(const std::string& code, Write&& write) {
    const TemporaryFolder folder;
    CHECK(errorCode([&] { write(folder.file("output.gguf")); }) == code);
    CHECK(folder.isEmpty());
}

} // namespace

TEST_SUITE("model file") {

    TEST_CASE("a deepened model has the original's logits and text") {
        checkDeepened(demoTargetPath(), 1);
        checkDeepened(demoTargetPath(), 7);
    }

    TEST_CASE("a quantized model can be deepened") {
        checkDeepened(demoDraftPath(), 3);
    }

    TEST_CASE("a deepened model can be deepened again") {
        const TemporaryFolder folder;
        deepen(demoDraftPath(), folder.file("once.gguf"), 2);
        checkDeepened(folder.file("once.gguf"), 2);
    }

    TEST_CASE("deepen replaces a file that is there") {
        const TemporaryFolder folder;
        writeText(folder.file("deep.gguf"), "something else");
        deepen(demoDraftPath(), folder.file("deep.gguf"), 1);
        CHECK(loadModel(folder.file("deep.gguf"))->metadata("llama.block_count") == "3");
    }

    TEST_CASE("deepen refuses a number of layers below one") {
        for (const int layers : {0, -1}) {
            checkRefused("ERR_INVALID_ARGUMENT", [&](const auto& output) { deepen(demoTargetPath(), output, layers); });
        }
    }

    TEST_CASE("deepen refuses more layers than llama.cpp can load") {
        checkRefused("ERR_INVALID_ARGUMENT", [](const auto& output) { deepen(demoTargetPath(), output, 507); });
        checkRefused("ERR_INVALID_ARGUMENT",
                     [](const auto& output) { deepen(demoTargetPath(), output, std::numeric_limits<int>::max()); });
    }

    TEST_CASE("the most layers that deepen takes can be loaded") {
        const TemporaryFolder folder;
        deepen(demoDraftPath(), folder.file("deep.gguf"), 510);
        CHECK(loadModel(folder.file("deep.gguf"))->metadata("llama.block_count") == "512");
    }

    TEST_CASE("deepen refuses what is not there") {
        checkRefused("ERR_MODEL_LOAD", [](const auto& output) { deepen("no-such-file.gguf", output, 1); });
    }

    TEST_CASE("deepen refuses what is not a GGUF file") {
        const TemporaryFolder folder;
        writeText(folder.file("text.gguf"), "This is a text, and not a model at all.\n");
        checkRefused("ERR_MODEL_LOAD", [&](const auto& output) { deepen(folder.file("text.gguf"), output, 1); });
    }

    TEST_CASE("deepen refuses a file that is cut off") {
        const TemporaryFolder folder;
        const uintmax_t size = std::filesystem::file_size(demoTargetPath());
        for (const uintmax_t cut : {uintmax_t{0}, uintmax_t{3}, uintmax_t{100}, uintmax_t{50000}, size / 2, size - 1}) {
            CAPTURE(cut);
            copyBeginning(demoTargetPath(), folder.file("cut.gguf"), cut);
            const std::string output = folder.file("output.gguf");
            const std::string code = errorCode([&] { deepen(folder.file("cut.gguf"), output, 1); });
            CHECK(code == "ERR_MODEL_LOAD");
            CHECK_FALSE(std::filesystem::exists(output));
            CHECK_FALSE(std::filesystem::exists(output + ".partial"));
        }
    }

    TEST_CASE("deepen refuses a model whose layers have no outputs of their own") {
        const TemporaryFolder folder;
        writeMamba(folder.file("mamba.gguf"));
        checkRefused("ERR_UNSUPPORTED_MODEL",
                     [&](const auto& output) { deepen(folder.file("mamba.gguf"), output, 1); });
    }

    TEST_CASE("deepen refuses models to which more layers would be something else") {
        using Change = std::function<void(GgufFile&)>;
        const std::map<std::string, Change> changes = {
            {"later tokens", [](GgufFile& file) { file.set("llama.nextn_predict_layers", uint32_t{1}); }},
            {"full_attention_interval", [](GgufFile& file) { file.set("llama.full_attention_interval", uint32_t{4}); }},
            {"ssm.state_size", [](GgufFile& file) { file.set("llama.ssm.state_size", uint32_t{16}); }},
            {"(layer 0)", [](GgufFile& file) { file.addTensor("blk.0.attn_q.bias", {128}, 0, 1); }},
            {"(layer 2)",
             [](GgufFile& file) {
                 file.addTensor("blk.2.attn_q.weight", {128, 128}, 0, 1);
             }},
            {"(minicpm)", [](GgufFile& file) {
                 file.set("general.architecture", std::string("minicpm"));
                 file.set("minicpm.block_count", uint32_t{2});
             }}};
        for (const auto& [named, change] : changes) {
            CAPTURE(named);
            const TemporaryFolder folder;
            GgufFile file(demoDraftPath(), true);
            change(file);
            file.write(folder.file("other.gguf"));
            const auto attempt = [&] { deepen(folder.file("other.gguf"), folder.file("deep.gguf"), 1); };
            CHECK(errorCode(attempt) == "ERR_UNSUPPORTED_MODEL");
            CHECK(errorMessage(attempt).find(named) != std::string::npos);
            CHECK_FALSE(std::filesystem::exists(folder.file("deep.gguf")));
        }
    }

    TEST_CASE("a damaged header is refused by deepen and quantize") {
        const TemporaryFolder folder;
        GgufFile file(demoDraftPath(), true);
        file.set("llama.block_count", uint32_t{0});
        file.write(folder.file("damaged.gguf"));
        checkRefused("ERR_MODEL_LOAD", [&](const auto& output) { deepen(folder.file("damaged.gguf"), output, 1); });
        checkRefused("ERR_MODEL_LOAD",
                     [&](const auto& output) { quantize(folder.file("damaged.gguf"), output, "q8_0", 1); });
    }

    TEST_CASE("deepen refuses to write over its input, and leaves it as it was") {
        const TemporaryFolder folder;
        const std::string path = folder.file("model.gguf");
        std::filesystem::copy_file(demoDraftPath(), path);
        CHECK(errorCode([&] { deepen(path, path, 1); }) == "ERR_INVALID_ARGUMENT");
        CHECK(readText(path) == readText(demoDraftPath()));
        CHECK_FALSE(std::filesystem::exists(path + ".partial"));
    }

    TEST_CASE("deepen into a folder that is not there is ERR_WRITE") {
        const TemporaryFolder folder;
        CHECK(errorCode([&] { deepen(demoDraftPath(), folder.file("none/deep.gguf"), 1); }) == "ERR_WRITE");
        CHECK(folder.isEmpty());
    }

    TEST_CASE("deepen onto a folder is ERR_WRITE") {
        const TemporaryFolder folder;
        std::filesystem::create_directory(folder.file("folder"));
        writeText(folder.file("folder/content"), "");
        CHECK(errorCode([&] { deepen(demoDraftPath(), folder.file("folder"), 1); }) == "ERR_WRITE");
        CHECK(readText(folder.file("folder/content")).empty());
        CHECK_FALSE(std::filesystem::exists(folder.file("folder.partial")));
    }

    TEST_CASE("a quantized model loads and is smaller") {
        const TemporaryFolder folder;
        quantize(demoTargetPath(), folder.file("q8.gguf"), "q8_0", 1);
        CHECK(loadModel(folder.file("q8.gguf"))->description().find("Q8_0") != std::string::npos);
        CHECK(std::filesystem::file_size(folder.file("q8.gguf")) < 0.6 * std::filesystem::file_size(demoTargetPath()));
    }

    TEST_CASE("a model quantized to q8_0 says nearly what the original says") {
        const TemporaryFolder folder;
        quantize(demoTargetPath(), folder.file("q8.gguf"), "q8_0", 1);
        const double difference =
            largestDifference(teacherForce(loadModel(demoTargetPath()), demoPrompts()[0], 1),
                              teacherForce(loadModel(folder.file("q8.gguf")), demoPrompts()[0], 1));
        MESSAGE("logits change by at most ", difference);
        CHECK(difference < 2);
    }

    TEST_CASE("quantize refuses an unknown type and names the known ones") {
        checkRefused("ERR_INVALID_ARGUMENT", [](const auto& output) { quantize(demoTargetPath(), output, "q3_x", 1); });
        CHECK(errorMessage([] { quantize(demoTargetPath(), "output.gguf", "", 1); }).find("q4_k_m") !=
              std::string::npos);
    }

    TEST_CASE("quantize refuses what is not a GGUF file") {
        const TemporaryFolder folder;
        writeText(folder.file("text.gguf"), "This is a text, and not a model at all.\n");
        checkRefused("ERR_MODEL_LOAD",
                     [&](const auto& output) { quantize(folder.file("text.gguf"), output, "q8_0", 1); });
        checkRefused("ERR_MODEL_LOAD",
                     [&](const auto& output) { quantize(folder.file("none.gguf"), output, "q8_0", 1); });
    }

    TEST_CASE("quantize refuses a file that is cut off") {
        const TemporaryFolder folder;
        copyBeginning(demoTargetPath(), folder.file("cut.gguf"), std::filesystem::file_size(demoTargetPath()) / 2);
        checkRefused("ERR_MODEL_LOAD",
                     [&](const auto& output) { quantize(folder.file("cut.gguf"), output, "q8_0", 1); });
    }

    TEST_CASE("quantize refuses to write over its input") {
        const TemporaryFolder folder;
        const std::string path = folder.file("model.gguf");
        std::filesystem::copy_file(demoTargetPath(), path);
        CHECK(errorCode([&] { quantize(path, path, "q8_0", 1); }) == "ERR_INVALID_ARGUMENT");
        CHECK(readText(path) == readText(demoTargetPath()));
    }

    TEST_CASE("quantize into a folder that is not there fails and leaves nothing") {
        const TemporaryFolder folder;
        CHECK(errorCode([&] { quantize(demoTargetPath(), folder.file("none/q8.gguf"), "q8_0", 1); }) == "ERR_WRITE");
        CHECK(folder.isEmpty());
    }

} // TEST_SUITE
