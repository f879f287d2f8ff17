#include "demo.h"

#include "temporary-folder.h"

#include "backend.h"
#include "quantize.h"

#include <algorithm>
#include <iterator>

using namespace specdecpp;

std::string demoTargetPath() {
    return SPECDECPP_DEMO_MODELS "/target.gguf";
}

std::string demoDraftPath() {
    return SPECDECPP_DEMO_MODELS "/draft.gguf";
}

void loadTestBackends() {
    loadBackends(SPECDECPP_BACKENDS);
}

std::shared_ptr<const Model> loadModel(const std::string& path) {
    loadTestBackends();
    ModelOptions options;
    options.path = path;
    options.gpuLayers = 0;
    LoadMonitor monitor;
    return std::make_shared<const Model>(options, monitor);
}

std::shared_ptr<const Model> demoTarget() {
    static const std::shared_ptr<const Model> model = [] {
        loadTestBackends();
        const TemporaryFolder folder;
        quantize(demoTargetPath(), folder.file("target.gguf"), "q8_0", 1);
        return loadModel(folder.file("target.gguf"));
    }();
    return model;
}

std::shared_ptr<const Model> demoDraft() {
    static const std::shared_ptr<const Model> model = loadModel(demoDraftPath());
    return model;
}

std::vector<Token> tokenizePrompt(const std::string& text) {
    return demoTarget()->vocabulary().tokenize(text, true, true);
}

const std::vector<std::vector<Token>>& demoPrompts() {
    static const std::vector<std::vector<Token>> prompts = [] {
        const char* const questions[] = {
            "Tom has 12 apples. He gives 5 to his sister and buys 8 more. How many apples does Tom have now?",
            "A box holds 6 pencils. Mia buys 4 boxes and loses 3 pencils. How many pencils are left?",
            "A train travels 60 miles an hour for 3 hours, then 40 miles an hour for 2 hours. How far does it go?",
            "Sara earns $15 an hour and works 8 hours a day. How much does she earn in 5 days?",
            "A farmer has 24 cows. A third of them are brown and the rest are white. How many cows are white?",
            "Ben reads 20 pages a day. His book has 180 pages. How many days does he need to finish it?",
            "A shirt costs $25 and a hat costs $10. How much do 3 shirts and 2 hats cost?",
            "There are 30 children in a class. Half of them play football and 6 play chess. How many play neither?",
            "Lena bakes 48 cookies. She eats 4 and puts the rest into bags of 11. How many bags does she fill?",
            "A tank holds 200 liters. It loses 5 liters an hour. How much water is left after 12 hours?",
            "Jack is 4 years older than Jill. Jill is 9 years old. How old will Jack be in 6 years?",
            "A pizza is cut into 8 slices. Three friends eat 2 slices each. How many slices are left?",
        };
        const char* const functions[] = {
            "def add(a, b):\n    \"\"\"Return the sum of a and b.\"\"\"\n",
            "def is_even(n):\n    \"\"\"Return True if n is even.\"\"\"\n",
            "def read_lines(path):\n    \"\"\"Return the lines of the file as a list.\"\"\"\n",
            "class Stack:\n    \"\"\"A stack of items.\"\"\"\n\n    def __init__(self):\n",
            "import os\n\n\ndef list_files(directory):\n    \"\"\"Return the names of all files.\"\"\"\n",
            "def test_empty(self):\n",
            "def count_words(text):\n    \"\"\"Return a dictionary of words and how often they occur.\"\"\"\n",
            "def maximum(values):\n    \"\"\"Return the largest of the values.\"\"\"\n",
        };
        // Mixed, so that any first few have both kinds.
        std::vector<std::vector<Token>> mixed;
        for (size_t i = 0; i < std::size(questions); ++i) {
            mixed.push_back(tokenizePrompt(std::string("<|user|>") + questions[i] + "<|assistant|>"));
            if (i < std::size(functions)) {
                mixed.push_back(tokenizePrompt(functions[i]));
            }
        }
        return mixed;
    }();
    return prompts;
}

ContextOptions contextOptions(int size, int maxOutputs) {
    ContextOptions options;
    options.size = size;
    options.threads = 1;
    options.maxOutputs = maxOutputs;
    return options;
}

SessionOptions sessionOptions(int maxDraft, int targetSize, int draftSize) {
    return {contextOptions(targetSize), contextOptions(draftSize), maxDraft};
}

RoundOptions roundOptions(int length, const Verifier& verifier) {
    RoundOptions options;
    options.rule.length = length;
    options.verifier = &verifier;
    options.room = 1000;
    return options;
}
