#include "context.h"

#include "support/demo.h"
#include "support/error-code.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

using namespace specdecpp;

namespace {

const std::atomic<bool> neverAborted{false};

// A text of any length: the demo's prompts one after another.
std::vector<Token> longText(size_t length) {
    std::vector<Token> text;
    while (text.size() < length) {
        for (const auto& prompt : demoPrompts()) {
            text.insert(text.end(), prompt.begin(), prompt.end());
        }
    }
    text.resize(length);
    return text;
}

std::vector<float> lastLogits(const Context& context, int output = 0) {
    const float* row = context.logits(output);
    return {row, row + context.model().vocabulary().size()};
}

double largestDifference(const std::vector<float>& a, const std::vector<float>& b) {
    double largest = 0;
    for (size_t i = 0; i < a.size(); ++i) {
        largest = std::max(largest, std::abs(static_cast<double>(a[i]) - b[i]));
    }
    return largest;
}

// Batches of different sizes round differently; logits here have a spread of about 10. In F16: Q8_0
// rounds what goes into each matrix to 8 bits, which makes more of a difference between long batches.
constexpr double rounding = 0.05;

std::shared_ptr<const Model> f16Target() {
    static const std::shared_ptr<const Model> model = loadModel(demoTargetPath());
    return model;
}

} // namespace

TEST_SUITE("context") {

    TEST_CASE("more rows than a batch holds give the logits that small parts give") {
        const std::vector<Token> text = longText(1100);
        Context whole(f16Target(), contextOptions(1200, 3), &neverAborted);
        whole.decode(text, 3);
        Context parts(f16Target(), contextOptions(1200, 3), &neverAborted);
        for (size_t from = 0; from < text.size(); from += 110) {
            parts.decode(std::span<const Token>(text).subspan(from, 110), 3);
        }
        CHECK(whole.past() == 1100);
        CHECK(parts.past() == 1100);
        for (int i = 0; i < 3; ++i) {
            CHECK(largestDifference(lastLogits(whole, i), lastLogits(parts, i)) < rounding);
        }
    }

    TEST_CASE("one row at a time gives the logits that one batch gives, up to rounding") {
        const std::vector<Token> text = longText(100);
        Context whole(f16Target(), contextOptions(128, 100), &neverAborted);
        whole.decode(text, 100);
        Context single(f16Target(), contextOptions(128), &neverAborted);
        double largest = 0;
        for (int i = 0; i < 100; ++i) {
            single.decode(std::span<const Token>(text).subspan(static_cast<size_t>(i), 1), 1);
            largest = std::max(largest, largestDifference(lastLogits(whole, i), lastLogits(single)));
        }
        MESSAGE("logits differ by at most ", largest);
        CHECK(largest < rounding);
    }

    TEST_CASE("the rows with logits stay in one batch when they would be cut in two") {
        const std::vector<Token> text = longText(514); // the last 4 rows with logits are rows 510 to 513
        Context whole(f16Target(), contextOptions(600, 4), &neverAborted);
        whole.decode(text, 4);
        Context single(f16Target(), contextOptions(600, 1), &neverAborted);
        single.decode(std::span<const Token>(text).first(511), 1);
        CHECK(largestDifference(lastLogits(whole, 0), lastLogits(single)) < rounding);
        single.decode(std::span<const Token>(text).subspan(511), 1);
        CHECK(largestDifference(lastLogits(whole, 3), lastLogits(single)) < rounding);
    }

    TEST_CASE("truncate forgets what comes after a length, as if it had never been evaluated") {
        const std::vector<Token> text = longText(60);
        Context context(demoTarget(), contextOptions(128), &neverAborted);
        context.decode(std::span<const Token>(text).first(40), 1);
        const std::vector<float> expected = lastLogits(context);
        context.decode(std::span<const Token>(text).subspan(40), 1);
        context.truncate(39);
        CHECK(context.past() == 39);
        context.decode(std::span<const Token>(text).subspan(39, 1), 1);
        CHECK(largestDifference(lastLogits(context), expected) < rounding);
    }

    TEST_CASE("truncate to more than there is has no effect") {
        Context context(demoTarget(), contextOptions(128), &neverAborted);
        context.decode(longText(10), 1);
        context.truncate(10);
        context.truncate(11);
        CHECK(context.past() == 10);
    }

    TEST_CASE("truncate to nothing starts a new text") {
        const std::vector<Token> text = longText(20);
        Context context(demoTarget(), contextOptions(128), &neverAborted);
        context.decode(text, 1);
        const std::vector<float> expected = lastLogits(context);
        context.truncate(0);
        CHECK(context.past() == 0);
        context.decode(text, 1);
        CHECK(largestDifference(lastLogits(context), expected) == 0);
    }

    TEST_CASE("a context takes exactly its size, and one token more is ERR_CONTEXT_FULL with nothing lost") {
        Context context(demoTarget(), contextOptions(50), &neverAborted);
        context.decode(longText(50), 1);
        CHECK(context.past() == 50);
        CHECK(errorCode([&] { context.decode(longText(1), 1); }) == "ERR_CONTEXT_FULL");
        CHECK(context.past() == 50);
    }

    TEST_CASE("a decode that fails in its second batch takes the first one back") {
        Context context(demoTarget(), contextOptions(600), &neverAborted);
        context.decode(longText(5), 1);
        CHECK(errorCode([&] { context.decode(longText(700), 1); }) == "ERR_CONTEXT_FULL");
        CHECK(context.past() == 5);
        context.decode(longText(595), 1);
        CHECK(context.past() == 600);
    }

    TEST_CASE("an aborted decode leaves the context as it was") {
        std::atomic<bool> abort{false};
        Context context(demoTarget(), contextOptions(128), &abort);
        const std::vector<Token> text = longText(30);
        context.decode(std::span<const Token>(text).first(10), 1);
        abort = true;
        CHECK(errorCode([&] { context.decode(std::span<const Token>(text).subspan(10), 1); }) == "ERR_ABORTED");
        CHECK(context.past() == 10);
        abort = false;
        context.decode(std::span<const Token>(text).subspan(10), 1);
        Context other(demoTarget(), contextOptions(128), &neverAborted);
        other.decode(std::span<const Token>(text).first(10), 1);
        other.decode(std::span<const Token>(text).subspan(10), 1);
        CHECK(largestDifference(lastLogits(context), lastLogits(other)) == 0);
    }

    TEST_CASE("a model with attention alone can roll back, and asking leaves the context empty") {
        Context context(demoDraft(), contextOptions(64), &neverAborted);
        CHECK(context.canRollBack());
        CHECK(context.past() == 0);
    }

    TEST_CASE("evaluating no token is of no effect") {
        Context context(demoDraft(), contextOptions(64), &neverAborted);
        context.decode({}, 0);
        CHECK(context.past() == 0);
    }

} // TEST_SUITE
