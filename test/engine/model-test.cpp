#include "model.h"

#include "backend.h"

#include "support/demo.h"
#include "support/error-code.h"
#include "support/file-cutting.h"
#include "support/generate.h"
#include "support/gguf-file.h"
#include "support/temporary-folder.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <functional>
#include <map>
#include <string>

using namespace specdecpp;

namespace {

std::string loadCode(const ModelOptions& options) {
    loadTestBackends();
    LoadMonitor monitor;
    return errorCode([&] { Model(options, monitor); });
}

std::string loadCode(const std::string& path) {
    return errorCode([&] { loadModel(path); });
}

bool haveGpu() {
    const auto devices = listDevices();
    return std::any_of(devices.begin(), devices.end(), [](const DeviceInfo& device) { return device.type != "cpu"; });
}

class Mamba {
public:
    Mamba() : path_(folder_.file("mamba.gguf")) {
        writeMamba(path_);
        model_ = loadModel(path_);
    }
    const std::shared_ptr<const Model>& model() const { return model_; }

private:
    TemporaryFolder folder_;
    std::string path_;
    std::shared_ptr<const Model> model_;
};

// Sampled, because random weights repeat one token at temperature 0.
SamplingSettings warm() {
    SamplingSettings settings;
    settings.temperature = 1;
    return settings;
}

Text mambaText(const std::shared_ptr<const Model>& model) {
    Session session(model, nullptr, sessionOptions(0));
    return generate(session, demoPrompts()[0], warm(), 1, roundOptions(0), 20);
}

} // namespace

TEST_SUITE("model") {

    TEST_CASE("a loaded model describes itself") {
        const auto model = loadModel(demoTargetPath());
        CHECK(model->architecture() == "llama");
        CHECK(model->path() == demoTargetPath());
        CHECK(model->metadata("llama.block_count") == "6");
        CHECK(model->metadata("no.such.key").empty());
        CHECK(model->description().find("F16") != std::string::npos);
        CHECK_FALSE(model->usesGpu());
    }

    TEST_CASE("metadata is whole, however long it is") {
        CHECK(demoTarget()->metadata("tokenizer.chat_template").size() > 200);
        CHECK(demoTarget()->metadata("tokenizer.chat_template").find("{% endif %}") != std::string::npos);
    }

    TEST_CASE("loading reports progress up to its end") {
        loadTestBackends();
        ModelOptions options;
        options.path = demoDraftPath();
        LoadMonitor monitor;
        Model(options, monitor);
        CHECK(monitor.progress == 1);
    }

    TEST_CASE("a model loads without memory mapping") {
        ModelOptions options;
        options.path = demoDraftPath();
        options.mmap = false;
        CHECK(loadCode(options).empty());
    }

    TEST_CASE("a file that is not there is ERR_MODEL_LOAD, and the message names it") {
        CHECK(loadCode("no-such-file.gguf") == "ERR_MODEL_LOAD");
        CHECK(errorMessage([] { loadModel("no-such-file.gguf"); }).find("no-such-file.gguf") != std::string::npos);
    }

    TEST_CASE("a file that is not a GGUF file is ERR_MODEL_LOAD") {
        const TemporaryFolder folder;
        writeText(folder.file("text.gguf"), "This is a text, and not a model at all.\n");
        CHECK(loadCode(folder.file("text.gguf")) == "ERR_MODEL_LOAD");
        writeText(folder.file("empty.gguf"), "");
        CHECK(loadCode(folder.file("empty.gguf")) == "ERR_MODEL_LOAD");
    }

    TEST_CASE("a folder is ERR_MODEL_LOAD") {
        const TemporaryFolder folder;
        std::filesystem::create_directory(folder.file("folder.gguf"));
        CHECK(loadCode(folder.file("folder.gguf")) == "ERR_MODEL_LOAD");
    }

    TEST_CASE("a file that is cut off anywhere is ERR_MODEL_LOAD") {
        const TemporaryFolder folder;
        const uintmax_t size = std::filesystem::file_size(demoTargetPath());
        for (const uintmax_t cut : {uintmax_t{4}, uintmax_t{20}, uintmax_t{1000}, uintmax_t{50000}, uintmax_t{100000},
                                    size / 2, size - 1000}) {
            CAPTURE(cut);
            copyBeginning(demoTargetPath(), folder.file("cut.gguf"), cut);
            CHECK(loadCode(folder.file("cut.gguf")) == "ERR_MODEL_LOAD");
        }
    }

    TEST_CASE("the message of a failed load says why") {
        const TemporaryFolder folder;
        GgufFile file(demoDraftPath(), true);
        file.set("general.architecture", std::string("no-such-architecture"));
        file.write(folder.file("unknown.gguf"));
        CHECK(loadCode(folder.file("unknown.gguf")) == "ERR_MODEL_LOAD");
        const std::string message = errorMessage([&] { loadModel(folder.file("unknown.gguf")); });
        CHECK(message.find("no-such-architecture") != std::string::npos);
    }

    TEST_CASE("a header over which llama.cpp would end the process is ERR_MODEL_LOAD") {
        using Damage = std::function<void(GgufFile&)>;
        const std::map<std::string, Damage> damages = {
            {"block_count", [](GgufFile& file) { file.set("llama.block_count", uint32_t{0}); }},
            {"takes 1 to 512", [](GgufFile& file) { file.set("llama.block_count", uint32_t{513}); }},
            {"rms_epsilon", [](GgufFile& file) { file.set("llama.attention.layer_norm_rms_epsilon", std::nanf("")); }},
            {"0 or more", [](GgufFile& file) { file.set("llama.attention.layer_norm_rms_epsilon", -1.0F); }},
            {"\"foo\"", [](GgufFile& file) { file.set("llama.rope.scaling.type", std::string("foo")); }},
            {"expert_count", [](GgufFile& file) { file.set("llama.expert_count", uint32_t{513}); }},
            {"nextn_predict_layers", [](GgufFile& file) { file.set("llama.nextn_predict_layers", uint32_t{3}); }},
            {"attn_norm.weight", [](GgufFile& file) { file.setType("blk.0.attn_norm.weight", GGML_TYPE_F16); }}};
        const TemporaryFolder folder;
        for (const auto& [named, damage] : damages) {
            CAPTURE(named);
            GgufFile file(demoDraftPath(), true);
            damage(file);
            file.write(folder.file("damaged.gguf"));
            CHECK(loadCode(folder.file("damaged.gguf")) == "ERR_MODEL_LOAD");
            CHECK(errorMessage([&] { loadModel(folder.file("damaged.gguf")); }).find(named) != std::string::npos);
        }
    }

    TEST_CASE("a model without a vocabulary is ERR_NOT_GENERATIVE") {
        const TemporaryFolder folder;
        GgufFile file(demoDraftPath(), true);
        file.removeKeys("tokenizer.");
        file.set("tokenizer.ggml.model", std::string("none"));
        file.set("llama.vocab_size", uint32_t{4096});
        file.write(folder.file("wordless.gguf"));
        CHECK(loadCode(folder.file("wordless.gguf")) == "ERR_NOT_GENERATIVE");
    }

    TEST_CASE("a model whose tokens see those after them is ERR_NOT_GENERATIVE") {
        const TemporaryFolder folder;
        GgufFile file(demoDraftPath(), true);
        file.set("llama.attention.causal", false);
        file.write(folder.file("both-ways.gguf"));
        CHECK(loadCode(folder.file("both-ways.gguf")) == "ERR_NOT_GENERATIVE");
    }

    TEST_CASE("a hyperparameter of another type that llama.cpp does not read does no harm") {
        const TemporaryFolder folder;
        writeMamba(folder.file("mamba.gguf"));
        GgufFile file(folder.file("mamba.gguf"), true);
        file.set("mamba.attention.key_length", std::string("wide"));
        file.write(folder.file("odd.gguf"));
        CHECK(loadModel(folder.file("odd.gguf"))->cacheWidthK() > 0);
    }

    TEST_CASE("a context beyond learned positions is ERR_INVALID_ARGUMENT, and one that uses them all works") {
        const TemporaryFolder folder;
        writeGpt2(folder.file("gpt2.gguf"), 64);
        const auto model = loadModel(folder.file("gpt2.gguf"));
        CHECK(errorCode([&] { Session(model, nullptr, sessionOptions(0, 65)); }) == "ERR_INVALID_ARGUMENT");
        const SessionOptions draftTooLong = sessionOptions(4, 64, 65);
        CHECK(errorCode([&] { Session(model, model, draftTooLong); }) == "ERR_INVALID_ARGUMENT");
        Session session(model, nullptr, sessionOptions(0, 64));
        const std::vector<Token> prompt(60, 1);
        CHECK(generate(session, prompt, warm(), 1, roundOptions(0), 5).tokens.size() == 65);
    }

    TEST_CASE("a cache type that does not divide the head width is ERR_INVALID_ARGUMENT, and none of memory") {
        const TemporaryFolder folder;
        writeGpt2(folder.file("gpt2.gguf"), 64);
        const auto model = loadModel(folder.file("gpt2.gguf"));
        SessionOptions options = sessionOptions(0, 64);
        options.target.typeK = GGML_TYPE_Q8_0; // blocks of 32, heads of 16
        CHECK(errorCode([&] { Session(model, nullptr, options); }) == "ERR_INVALID_ARGUMENT");
    }

    TEST_CASE("layers for a GPU that is not there are ERR_NO_GPU") {
        loadTestBackends();
        if (haveGpu()) {
            MESSAGE("not tested: this machine has a GPU");
            return;
        }
        ModelOptions options;
        options.path = demoTargetPath();
        options.gpuLayers = 10;
        CHECK(loadCode(options) == "ERR_NO_GPU");
        options.gpuLayers = -1; // all of them, if there is one
        CHECK(loadCode(options).empty());
    }

    TEST_CASE("an unknown device is ERR_NO_DEVICE, and the message names those that exist") {
        ModelOptions options;
        options.path = demoTargetPath();
        options.devices = {"CUDA99"};
        CHECK(loadCode(options) == "ERR_NO_DEVICE");
        LoadMonitor monitor;
        const std::string message = errorMessage([&] { Model(options, monitor); });
        CHECK(message.find("CUDA99") != std::string::npos);
        CHECK(message.find("CPU") != std::string::npos);
    }

    TEST_CASE("a load that is aborted is ERR_ABORTED") {
        loadTestBackends();
        ModelOptions options;
        options.path = demoTargetPath();
        LoadMonitor monitor;
        monitor.abort = true;
        CHECK(errorCode([&] { Model(options, monitor); }) == "ERR_ABORTED");
    }

    TEST_CASE("an embedding model is ERR_NOT_GENERATIVE") {
        const TemporaryFolder folder;
        writeBert(folder.file("bert.gguf"), 1); // mean pooling
        CHECK(loadCode(folder.file("bert.gguf")) == "ERR_NOT_GENERATIVE");
    }

    TEST_CASE("a model that keeps no state is ERR_NOT_GENERATIVE, even if it does not say that it embeds") {
        const TemporaryFolder folder;
        writeBert(folder.file("bert.gguf"), -1);
        CHECK(errorCode([&] {
                  const auto model = loadModel(folder.file("bert.gguf"));
                  Session(model, nullptr, sessionOptions(0, 64));
              }) == "ERR_NOT_GENERATIVE");
    }

    TEST_CASE("a recurrent model as draft is ERR_NO_ROLLBACK") {
        const Mamba mamba;
        CHECK(errorCode([&] { Session(demoTarget(), mamba.model(), sessionOptions(4)); }) == "ERR_NO_ROLLBACK");
    }

    TEST_CASE("a recurrent model as target with a draft is ERR_NO_ROLLBACK") {
        const Mamba mamba;
        CHECK(errorCode([&] { Session(mamba.model(), demoDraft(), sessionOptions(4)); }) == "ERR_NO_ROLLBACK");
    }

    TEST_CASE("a recurrent model generates without a draft") {
        const Mamba mamba;
        const Text text = mambaText(mamba.model());
        CHECK((text.replyLength() == 20 || text.ended));
        CHECK(mambaText(mamba.model()).tokens == text.tokens);
    }

    TEST_CASE("a recurrent model's aborted round is ERR_ABORTED, and its text goes on as if it had not been") {
        const Mamba mamba;
        const Text whole = mambaText(mamba.model());
        Session session(mamba.model(), nullptr, sessionOptions(0));
        generate(session, demoPrompts()[0], warm(), 1, roundOptions(0), 7);
        session.abort();
        CHECK(errorCode([&] { session.round(roundOptions(0)); }) == "ERR_ABORTED");
        session.clearAbort();
        CHECK(session.tokens().size() == demoPrompts()[0].size() + 7);
        CHECK(continueText(session, demoPrompts()[0].size(), roundOptions(0), 20).tokens == whole.tokens);
    }

    TEST_CASE("a recurrent model's aborted prefill is ERR_ABORTED, and its text goes on as if it had not been") {
        const Mamba mamba;
        const Text whole = mambaText(mamba.model());
        Session session(mamba.model(), nullptr, sessionOptions(0));
        session.begin(demoPrompts()[0], warm(), 1);
        session.prefill(10);
        session.abort();
        CHECK(errorCode([&] { prefillAll(session); }) == "ERR_ABORTED");
        session.clearAbort();
        prefillAll(session);
        CHECK(continueText(session, demoPrompts()[0].size(), roundOptions(0), 20).tokens == whole.tokens);
    }

    TEST_CASE("a recurrent model that cannot take tokens back says so, and its text goes on all the same") {
        const Mamba mamba;
        Session session(mamba.model(), nullptr, sessionOptions(0));
        generate(session, demoPrompts()[0], {}, 1, roundOptions(0), 10);
        const std::vector<Token> tokens = session.tokens();
        const int kept = static_cast<int>(demoPrompts()[0].size()) + 5;
        CHECK(errorCode([&] { session.rollBack(kept); }) == "ERR_NO_ROLLBACK");
        CHECK(continueText(session, demoPrompts()[0].size(), roundOptions(0), 10).tokens == tokens);
    }

    TEST_CASE("a recurrent model keeps the text before where the prompt goes on from it, and else evaluates it anew") {
        const Mamba mamba;
        Session session(mamba.model(), nullptr, sessionOptions(0));
        std::vector<Token> prompt = generate(session, demoPrompts()[0], {}, 1, roundOptions(0), 10).tokens;
        prompt.insert(prompt.end(), 5, prompt[3]);
        for (const bool goesOn : {true, false}) {
            CAPTURE(goesOn);
            Session fresh(mamba.model(), nullptr, sessionOptions(0));
            const std::vector<Token> expected = generate(fresh, prompt, {}, 1, roundOptions(0), 10).tokens;
            session.begin(prompt, {}, 1, true);
            CHECK(session.targetPast() == (goesOn ? static_cast<int>(prompt.size()) - 6 : 0));
            prefillAll(session);
            CHECK(continueText(session, prompt.size(), roundOptions(0), 10).tokens == expected);
            prompt.pop_back();
        }
    }

} // TEST_SUITE
