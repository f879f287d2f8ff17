#include "head-features.h"
#include "head-file.h"

#include "support/demo.h"
#include "support/error-code.h"
#include "support/file-cutting.h"
#include "support/gguf-file.h"
#include "support/head-reference.h"
#include "support/temporary-folder.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <functional>
#include <limits>
#include <map>
#include <string>
#include <vector>

using namespace specdecpp;

namespace {

constexpr uint64_t seed = 515;

void write(const std::string& path, const HeadShape& shape, const std::string& type,
           const HeadMetadata& metadata = {}) {
    writeHead(path, shape, someScaling(shape), randomParameters(shape, seed), metadata, type);
}

HeadMetadata someMetadata() {
    HeadMetadata metadata;
    metadata["specdecpp.head.fingerprint.draft"] = std::string("abcd");
    metadata["specdecpp.head.training.epochs"] = 2.5;
    metadata["specdecpp.head.training.losses"] = std::vector<double>{0.5, 0.25};
    metadata["specdecpp.head.training.prompts"] = std::vector<std::string>{"a", "", "ä"};
    metadata["specdecpp.head.training.none"] = std::vector<double>{};
    metadata["specdecpp.head.training.whole"] = true;
    metadata["specdecpp.head.calibration.slope"] = std::vector<double>{0.5, 1, 2};
    std::vector<double> biases(3 * calibrationBuckets);
    for (size_t i = 0; i < biases.size(); ++i) {
        biases[i] = static_cast<double>(i);
    }
    metadata["specdecpp.head.calibration.bias"] = biases;
    return metadata;
}

} // namespace

TEST_SUITE("head file") {

    TEST_CASE("a head is read as it was written, but for the rounding of its type") {
        const std::map<std::string, double> roundings = {{"f32", 0}, {"f16", 0x1p-11}, {"q8_0", 0.6 / 127}};
        for (const HeadShape& shape : {paperShape(64, 2, false), paperShape(64, 3, true), paperShape(32, 0, false),
                                       fullShape(64, 2, false, 6, 3), fullShape(32, 1, true, 32, 0)}) {
            const std::vector<float> parameters = randomParameters(shape, seed);
            for (const auto& [type, rounding] : roundings) {
                CAPTURE(type);
                CAPTURE(shape.description());
                const TemporaryFolder folder;
                write(folder.file("head.gguf"), shape, type);
                const HeadFile file = readHead(folder.file("head.gguf"));
                CHECK(file.shape.description() == shape.description());
                CHECK(file.type == type);
                CHECK(file.scaling.mean == someScaling(shape).mean);
                CHECK(file.scaling.deviation == someScaling(shape).deviation);
                CHECK(file.sizeBytes == std::filesystem::file_size(folder.file("head.gguf")));
                const std::vector<float> read = file.parameters();
                REQUIRE(read.size() == parameters.size());
                double largest = 0; // of a block of q8_0 the largest weight sets the rounding
                for (const float parameter : parameters) {
                    largest = std::max(largest, std::abs(static_cast<double>(parameter)));
                }
                double difference = 0;
                for (size_t i = 0; i < read.size(); ++i) {
                    difference = std::max(difference, std::abs(static_cast<double>(read[i]) - parameters[i]));
                }
                CHECK(difference <= rounding * largest);
            }
        }
    }

    TEST_CASE("all metadata comes back") {
        const TemporaryFolder folder;
        write(folder.file("head.gguf"), fullShape(32, 1, false, 4, 2), "f16", someMetadata());
        const HeadMetadata read = readHead(folder.file("head.gguf")).metadata;
        for (const auto& [key, value] : someMetadata()) {
            CAPTURE(key);
            REQUIRE(read.contains(key));
            CHECK(read.at(key) == value);
        }
        CHECK(valueAt<std::string>(read, "general.architecture") == "specdecpp-head");
    }

    TEST_CASE("a head without calibration leaves logits as they are") {
        const TemporaryFolder folder;
        write(folder.file("head.gguf"), paperShape(32, 1, false), "f32");
        CHECK(readHead(folder.file("head.gguf")).calibration.apply(older, 3, 0.75) == 0.75);
    }

    TEST_CASE("calibration is by output and by the position of the token judged") {
        const TemporaryFolder folder;
        write(folder.file("head.gguf"), fullShape(32, 1, false, 4, 2), "f32", someMetadata());
        const HeadCalibration calibration = readHead(folder.file("head.gguf")).calibration;
        const std::vector<int> buckets = {0, 1, 2, 3, 4, 4, 5, 5, 6, 6, 6, 6, 7, 7, 7}; // of positions 1, 2, …
        for (int position = 1; position <= static_cast<int>(buckets.size()); ++position) {
            const int bucket = buckets[static_cast<size_t>(position) - 1];
            CHECK(calibration.apply(older, position, 3) == 0.5 * 3 + bucket);
            CHECK(calibration.apply(before, position - 1, 3) == 3 + 8 + bucket);
            CHECK(calibration.apply(newest, position - 1, 3) == 2 * 3 + 16 + bucket);
        }
    }

    TEST_CASE("a file that is cut off is refused") {
        const TemporaryFolder folder;
        const std::string path = folder.file("head.gguf");
        write(path, fullShape(32, 1, false, 4, 2), "f32");
        const uintmax_t size = std::filesystem::file_size(path);
        const uintmax_t padding = 64;
        for (uintmax_t cut = 0; cut + padding < size; cut += std::max<uintmax_t>(1, size / 97)) {
            CAPTURE(cut);
            copyBeginning(path, folder.file("cut.gguf"), cut);
            CHECK(errorCode([&] { readHead(folder.file("cut.gguf")); }) == "ERR_MODEL_LOAD");
        }
    }

    TEST_CASE("what is no head is refused") {
        const TemporaryFolder folder;
        writeText(folder.file("text.gguf"), "This is a text, and no head at all.\n");
        CHECK(errorCode([&] { readHead(folder.file("text.gguf")); }) == "ERR_MODEL_LOAD");
        CHECK(errorCode([&] { readHead(folder.file("none.gguf")); }) == "ERR_MODEL_LOAD");
        CHECK(errorCode([&] { readHead(demoDraftPath()); }) == "ERR_MODEL_LOAD");
        CHECK(errorMessage([&] { readHead(demoDraftPath()); }).find("\"llama\"") != std::string::npos);
    }

    TEST_CASE("a damaged header is refused, and the sentence says what is wrong") {
        const std::string key = "specdecpp.head.";
        using Change = std::function<void(GgufFile&)>;
        const std::vector<std::pair<std::string, Change>> changes = {
            {"version", [&](GgufFile& file) { file.set(key + "version", uint32_t{2}); }},
            {"kind", [&](GgufFile& file) { file.set(key + "kind", std::string("other")); }},
            {"kind", [&](GgufFile& file) { file.removeKeys(key + "kind"); }},
            {"width", [&](GgufFile& file) { file.set(key + "width", 1.5F); }},
            {"blk.0.weight", [&](GgufFile& file) { file.set(key + "width", uint32_t{64}); }},
            {"width", [&](GgufFile& file) { file.set(key + "width", uint32_t{0}); }},
            {"depth", [&](GgufFile& file) { file.set(key + "depth", uint32_t{9}); }},
            {"tensors", [&](GgufFile& file) { file.set(key + "depth", uint32_t{2}); }},
            {"hidden", [&](GgufFile& file) { file.set(key + "hidden", uint32_t{0}); }},
            {"masks", [&](GgufFile& file) { file.removeKeys(key + "masks"); }},
            {"deviation", [&](GgufFile& file) { file.removeKeys(key + "deviation"); }},
            {"calibration.slope", [&](GgufFile& file) { file.set(key + "calibration.slope", uint32_t{1}); }},
            {"type", [&](GgufFile& file) { file.set(key + "type", std::string("q8_0")); }},
            {"blk.0.weight", [](GgufFile& file) { file.setType("blk.0.weight", GGML_TYPE_F16); }}};
        const TemporaryFolder folder;
        write(folder.file("head.gguf"), fullShape(32, 1, false, 4, 2), "f32");
        for (const auto& [named, change] : changes) {
            CAPTURE(named);
            GgufFile file(folder.file("head.gguf"), true);
            change(file);
            file.write(folder.file("damaged.gguf"));
            const auto read = [&] { readHead(folder.file("damaged.gguf")); };
            CHECK(errorCode(read) == "ERR_MODEL_LOAD");
            CHECK(errorMessage(read).find(named) != std::string::npos);
        }
    }

    TEST_CASE("weights that are no numbers are refused by writing and by reading") {
        const HeadShape shape = paperShape(32, 1, false);
        const TemporaryFolder folder;
        std::vector<float> parameters = randomParameters(shape, seed);
        parameters[40] = 1e38F; // infinite in half precision
        writeHead(folder.file("head.gguf"), shape, {}, parameters, {}, "f16");
        CHECK(errorCode([&] { readHead(folder.file("head.gguf")); }) == "ERR_MODEL_LOAD");
        parameters[40] = std::numeric_limits<float>::quiet_NaN();
        CHECK(errorCode([&] { writeHead(folder.file("nan.gguf"), shape, {}, parameters, {}, "f32"); }) ==
              "ERR_INVALID_ARGUMENT");
        CHECK_FALSE(std::filesystem::exists(folder.file("nan.gguf")));
    }

    TEST_CASE("an output may not read the token that it is asked about before it is drawn") {
        HeadShape shape = fullShape(32, 1, false, 4, 2);
        shape.columns[0] = "drawn.log-q";
        CHECK(errorCode([&] { shape.check(); }) == "ERR_INVALID_ARGUMENT");
        shape.masks[older * 2] = 0;
        CHECK(errorCode([&] { shape.check(); }) == "ERR_INVALID_ARGUMENT");
        shape.masks[before * 2] = 0;
        CHECK(errorCode([&] { shape.check(); }) == "");
    }

    TEST_CASE("metadata that would damage a file is refused and leaves none") {
        const TemporaryFolder folder;
        const HeadShape shape = fullShape(32, 1, false, 4, 2);
        const auto refused = [&](const std::string& key, const HeadValue& value) {
            return errorCode([&] {
                       write(folder.file("head.gguf"), shape, "f32", {{key, value}});
                   }) == "ERR_INVALID_ARGUMENT";
        };
        CHECK(refused("", 1.0));
        CHECK(refused("general.alignment", 64.0));
        CHECK(refused("general.architecture", std::string("llama")));
        CHECK(refused("specdecpp.head.width", 64.0));
        CHECK(refused("specdecpp.head.calibration.slope", std::vector<double>{1, 1}));
        CHECK(refused("specdecpp.head.calibration.bias", std::vector<double>(24, std::nan(""))));
        CHECK(folder.isEmpty());
    }

    TEST_CASE("types that a head cannot have are refused") {
        const TemporaryFolder folder;
        CHECK(errorCode([&] { write(folder.file("head.gguf"), paperShape(32, 1, false), "q4_0"); }) ==
              "ERR_INVALID_ARGUMENT");
        CHECK(errorCode([&] { write(folder.file("head.gguf"), paperShape(48, 1, false), "q8_0"); }) ==
              "ERR_INVALID_ARGUMENT");
        CHECK(folder.isEmpty());
    }

    TEST_CASE("a head is not written into a folder that is not there") {
        const TemporaryFolder folder;
        CHECK(errorCode([&] { write(folder.file("none/head.gguf"), paperShape(32, 1, false), "f32"); }) == "ERR_WRITE");
        CHECK(folder.isEmpty());
    }

} // TEST_SUITE
