// Walks beside a text of the demo pair: every row says what evaluating its prefix alone says.

#include "session.h"

#include "support/demo.h"
#include "support/error-code.h"
#include "support/generate.h"
#include "support/teacher.h"

#include <doctest/doctest.h>

#include <cmath>
#include <string>

using namespace specdecpp;

namespace {

constexpr int maxDraft = 6;
constexpr int block = 5;
// Batches of different sizes round differently: rarely by much, on average by little.
constexpr double logTolerance = 0.15;
constexpr double meanLogTolerance = 0.01;
constexpr double stateTolerance = 0.05; // of the largest number of a state

SessionOptions walkOptions() {
    SessionOptions options = sessionOptions(maxDraft);
    options.walks = true;
    return options;
}

SamplingSettings hot(double temperature = 1) {
    SamplingSettings settings;
    settings.temperature = temperature;
    return settings;
}

struct Walked {
    std::vector<Token> tokens; // prompt, then reply
    size_t promptLength;
    bool ended;
    Walk walk;

    size_t length() const { return tokens.size() - promptLength; }
    std::vector<Token> prefix(size_t position) const {
        return {tokens.begin(), tokens.begin() + static_cast<std::ptrdiff_t>(promptLength + position)};
    }
};

Walk walkAll(Session& session, size_t length, WalkKind kind, int count) {
    Walk all;
    for (size_t from = 0; from < length; from += static_cast<size_t>(count)) {
        WalkOptions options;
        options.kind = kind;
        options.from = static_cast<int>(from);
        options.count = std::min(count, static_cast<int>(length - from));
        options.states = kind == WalkKind::coupled;
        const Walk part = session.walk(options);
        all.lengths.insert(all.lengths.end(), part.lengths.begin(), part.lengths.end());
        all.draft.insert(all.draft.end(), part.draft.begin(), part.draft.end());
        all.states.insert(all.states.end(), part.states.begin(), part.states.end());
        all.replaced.insert(all.replaced.end(), part.replaced.begin(), part.replaced.end());
    }
    return all;
}

Walked walkReply(const SamplingSettings& settings, WalkKind kind = WalkKind::coupled, int count = block, int prompt = 0,
                 int limit = 50) {
    Session session(demoTarget(), demoDraft(), walkOptions());
    const Text text = generate(session, demoPrompts()[prompt], settings, 3, roundOptions(0), limit);
    const Walk walk = walkAll(session, text.replyLength(), kind, count);
    CHECK(session.tokens() == text.tokens);
    return {text.tokens, text.promptLength, text.ended, walk};
}

// How far numbers are from those they should be, on average.
struct Differences {
    double sum = 0;
    int count = 0;

    void add(double a, double b) {
        ++count;
        if (a != b) { // both may be infinite
            const double difference = std::abs(a - b) / std::max(1.0, std::abs(b));
            CHECK(difference < logTolerance);
            sum += difference;
        }
    }
    double mean() const { return sum / std::max(1, count); }
};

// p, q and the shape of a row against both models' evaluation of the prefix.
void checkRow(Differences& differences, const DraftedToken& row, const std::vector<Token>& prefix,
              const SamplingSettings& settings, bool onText) {
    std::vector<Token> tokens = prefix;
    tokens.push_back(row.token);
    SamplingSettings view = settings;
    if (settings.temperature == 0) {
        view = hot();
    }
    const auto logitsP = teacherForce(demoTarget(), tokens, prefix.size()).front();
    const auto logitsQ = teacherForce(demoDraft(), tokens, prefix.size()).front();
    const Distribution p = nextTokenDistribution(logitsP, prefix, view);
    const Distribution q = nextTokenDistribution(logitsQ, prefix, view);
    const Shape shape = shapeOf(q);
    differences.add(std::log(row.p), std::log(p.probability(row.token)));
    differences.add(std::log(row.q), std::log(q.probability(row.token)));
    differences.add(row.shape.mode, shape.mode);
    differences.add(row.shape.margin, shape.margin);
    differences.add(row.shape.entropy, shape.entropy);
    if (settings.temperature > 0) {
        differences.add(row.acceptance, std::min(1.0, p.probability(row.token) / q.probability(row.token)));
    } else if (!onText) {
        CHECK(row.acceptance == static_cast<double>(p.mode() == row.token));
    }
}

// The draft's states after tokens[from…], of a context of their own.
std::vector<std::vector<float>> teacherStates(const std::vector<Token>& tokens, size_t from) {
    const auto outputs = static_cast<int>(tokens.size() - from);
    const std::atomic<bool> abort{false};
    Context context(demoDraft(), contextOptions(512, static_cast<int>(tokens.size())), &abort);
    context.giveStates(true);
    context.decode(tokens, outputs);
    std::vector<std::vector<float>> states;
    for (int i = 0; i < outputs; ++i) {
        states.emplace_back(context.state(i), context.state(i) + context.stateWidth());
    }
    return states;
}

void checkStates(const States& states, size_t at, const std::vector<Token>& tokens, size_t from) {
    const auto expected = teacherStates(tokens, from);
    double worst = 0;
    double largest = 0;
    for (size_t i = 0; i < expected.size(); ++i) {
        for (size_t j = 0; j < expected[i].size(); ++j) {
            const double got = ggml_fp16_to_fp32(states[(at + i) * expected[i].size() + j]);
            worst = std::max(worst, std::abs(got - static_cast<double>(expected[i][j])));
            largest = std::max(largest, std::abs(static_cast<double>(expected[i][j])));
        }
    }
    CHECK(largest > 0.1);
    CHECK(worst < stateTolerance * largest);
}

void checkWalk(const Walked& walked, const SamplingSettings& settings, bool states) {
    REQUIRE(walked.walk.lengths.size() == walked.length());
    size_t row = 0;
    size_t state = 0;
    int left = 0;
    Differences differences;
    for (size_t position = 0; position < walked.length(); ++position) {
        const size_t length = walked.walk.lengths[position];
        REQUIRE(length >= 1);
        std::vector<Token> tokens = walked.prefix(position);
        const bool stays = walked.walk.draft[row].token == walked.tokens[tokens.size()];
        INFO("position ", position, " of ", walked.length(), ", ", length, " rows");
        if (stays) {
            CHECK(length == 1);
        } else {
            ++left;
            const auto room = walked.ended ? maxDraft : std::min<size_t>(maxDraft, walked.length() - position);
            const bool ends = demoTarget()->vocabulary().endsGeneration(walked.walk.draft[row + length - 1].token);
            CHECK((length == room || (ends && length < room)));
        }
        for (size_t i = 0; i < length; ++i) {
            checkRow(differences, walked.walk.draft[row + i], tokens, settings, i == 0);
            tokens.push_back(walked.walk.draft[row + i].token);
        }
        if (states) {
            checkStates(walked.walk.states, state, tokens, tokens.size() - length - 1);
            state += length + 1;
        }
        row += length;
    }
    CHECK(row == walked.walk.draft.size());
    CHECK(left > 0);
    MESSAGE("mean difference ", differences.mean());
    CHECK(differences.mean() < meanLogTolerance);
    if (states) {
        CHECK(walked.walk.states.size() == state * 128);
    }
}

} // namespace

TEST_SUITE("text walk") {

    TEST_CASE("rows and states are those of evaluating each prefix alone") {
        checkWalk(walkReply(hot()), hot(), true);
    }

    TEST_CASE("at temperature 0 the draft stays where it agrees, and rows tell of temperature 1") {
        SamplingSettings cold;
        const Walked walked = walkReply(cold);
        checkWalk(walked, cold, false);
        size_t row = 0;
        for (size_t position = 0; position < walked.length(); ++position) {
            const DraftedToken& first = walked.walk.draft[row];
            CHECK(first.acceptance == static_cast<double>(first.token == walked.prefix(position + 1).back()));
            row += walked.walk.lengths[position];
        }
    }

    TEST_CASE("rows are those of the settings: truncation, temperature and penalties") {
        SamplingSettings settings = hot(0.8);
        settings.topK = 50;
        settings.repeatPenalty = 1.2;
        checkWalk(walkReply(settings, WalkKind::coupled, block, 0, 25), settings, false);
    }

    TEST_CASE("a text that ended has drafts of full length to its last token, a cut one to its end") {
        const Walked ended = walkReply(hot(0.5), WalkKind::coupled, block, 0, 300);
        REQUIRE(ended.ended);
        checkWalk(ended, hot(0.5), false);
        const Walked cut = walkReply(hot(), WalkKind::coupled, block, 0, 10);
        REQUIRE(!cut.ended);
        for (size_t position = 0; position < cut.length(); ++position) {
            CHECK(cut.walk.lengths[position] <= cut.length() - position);
        }
    }

    TEST_CASE("what is drafted at a position does not depend on how many are walked at a time") {
        const Walked all = walkReply(hot(), WalkKind::coupled, maxDraft);
        for (const int count : {1, 3}) {
            Differences differences;
            const Walked some = walkReply(hot(), WalkKind::coupled, count);
            CHECK(some.tokens == all.tokens);
            REQUIRE(some.walk.draft.size() == all.walk.draft.size());
            for (size_t i = 0; i < all.walk.draft.size(); ++i) {
                CHECK(some.walk.draft[i].token == all.walk.draft[i].token);
                differences.add(some.walk.draft[i].q, all.walk.draft[i].q);
            }
        }
    }

    TEST_CASE("the share of positions that stay on the text is what rejection sampling accepts") {
        double stayed = 0;
        double expected = 0;
        double variance = 0;
        for (int prompt = 0; prompt < 8; ++prompt) {
            const Walked walked = walkReply(hot(), WalkKind::coupled, maxDraft, prompt, 80);
            size_t row = 0;
            for (size_t position = 0; position < walked.length(); ++position) {
                const DraftedToken& first = walked.walk.draft[row];
                // Given the text: stays with min(1, q/p) of the text's token, which is known where it stays;
                // over texts, acceptance and staying have the same mean.
                stayed += first.token == walked.prefix(position + 1).back();
                expected += first.acceptance;
                variance += 0.25;
                row += walked.walk.lengths[position];
            }
        }
        MESSAGE("stayed ", stayed, ", expected ", expected);
        CHECK(std::abs(stayed - expected) < 4 * std::sqrt(variance));
    }

    TEST_CASE("an independent walk draws one token from q at each position and mixes 85 % of them in") {
        const Walked walked = walkReply(hot(), WalkKind::independent, block, 0, 80);
        REQUIRE(walked.walk.draft.size() == walked.length());
        int replaced = 0;
        Differences differences;
        for (size_t position = 0; position < walked.length(); ++position) {
            CHECK(walked.walk.lengths[position] == 1);
            checkRow(differences, walked.walk.draft[position], walked.prefix(position), hot(), false);
            replaced += walked.walk.replaced[position];
        }
        CHECK(differences.mean() < meanLogTolerance);
        const auto length = static_cast<double>(walked.length());
        CHECK(std::abs(replaced - 0.85 * length) < 4 * std::sqrt(0.85 * 0.15 * length));
    }

    TEST_CASE("statesOf gives the states of the prompt's end and of every token behind it") {
        Session session(demoTarget(), demoDraft(), walkOptions());
        const Text text = generate(session, demoPrompts()[0], hot(), 3, roundOptions(0), 30);
        std::vector<Token> other(text.tokens.begin() + static_cast<std::ptrdiff_t>(text.promptLength),
                                 text.tokens.end());
        other[3] = 100;
        const States states = session.statesOf(other);
        std::vector<Token> tokens(text.tokens.begin(),
                                  text.tokens.begin() + static_cast<std::ptrdiff_t>(text.promptLength));
        tokens.insert(tokens.end(), other.begin(), other.end());
        CHECK(states.size() == (other.size() + 1) * 128);
        checkStates(states, 0, tokens, text.promptLength - 1);
    }

    TEST_CASE("a round gives the states before its first drafted token and after each") {
        Session session(demoTarget(), demoDraft(), walkOptions());
        session.begin(demoPrompts()[0], hot(), 1);
        prefillAll(session);
        RoundOptions options = roundOptions(4);
        options.states = true;
        options.details = true;
        for (int i = 0; i < 8; ++i) {
            std::vector<Token> tokens = session.tokens();
            const size_t from = tokens.size() - 1;
            const Round round = session.round(options);
            for (const DraftedToken& drafted : round.draft) {
                tokens.push_back(drafted.token);
            }
            REQUIRE(round.states.size() == (round.draft.size() + 1) * 128);
            checkStates(round.states, 0, tokens, from);
        }
    }

    TEST_CASE("rounds with states give the text of rounds without") {
        const auto run = [](bool states) {
            Session session(demoTarget(), demoDraft(), walkOptions());
            RoundOptions options = roundOptions(4);
            options.states = states;
            return generate(session, demoPrompts()[2], hot(), 5, options, 80).tokens;
        };
        CHECK(run(true) == run(false));
    }

    TEST_CASE("after a walk the text goes on as without it") {
        const auto run = [](bool walks) {
            Session session(demoTarget(), demoDraft(), walkOptions());
            const Text text = generate(session, demoPrompts()[1], {}, 1, roundOptions(4), 20);
            if (walks) {
                walkAll(session, text.replyLength(), WalkKind::coupled, block);
            }
            return continueText(session, text.promptLength, roundOptions(4), 60).tokens;
        };
        CHECK(gapAtFirstDifference(run(true), run(false)) < nearTie);
    }

    TEST_CASE("a walk needs a draft, positions of the text, and a session opened for walks") {
        Session session(demoTarget(), demoDraft(), walkOptions());
        generate(session, demoPrompts()[0], {}, 1, roundOptions(0), 10);
        const auto code = [&](const WalkOptions& options) { return errorCode([&] { session.walk(options); }); };
        CHECK(code({WalkKind::coupled, 0, 5, false}) == "");
        CHECK(code({WalkKind::coupled, 0, maxDraft + 1, false}) == "ERR_INVALID_ARGUMENT");
        CHECK(code({WalkKind::coupled, 8, 3, false}) == "ERR_INVALID_ARGUMENT");
        CHECK(code({WalkKind::coupled, -1, 3, false}) == "ERR_INVALID_ARGUMENT");
        Session other(demoTarget(), demoDraft(), sessionOptions(maxDraft));
        generate(other, demoPrompts()[0], {}, 1, roundOptions(0), 10);
        CHECK(errorCode([&] { other.walk({WalkKind::coupled, 0, 5, false}); }) == "ERR_INVALID_ARGUMENT");
        CHECK(errorCode([&] { other.statesOf({}); }) == "ERR_INVALID_ARGUMENT");
        Session alone(demoTarget(), nullptr, sessionOptions(maxDraft));
        generate(alone, demoPrompts()[0], {}, 1, roundOptions(0), 10);
        CHECK(errorCode([&] { alone.walk({WalkKind::coupled, 0, 5, false}); }) == "ERR_INVALID_ARGUMENT");
    }

    TEST_CASE("an aborted walk leaves the text as it was, and can be done again") {
        Session session(demoTarget(), demoDraft(), walkOptions());
        const Text text = generate(session, demoPrompts()[0], hot(), 3, roundOptions(0), 20);
        session.abort();
        CHECK(errorCode([&] { session.walk({WalkKind::coupled, 0, 5, true}); }) == "ERR_ABORTED");
        session.clearAbort();
        CHECK(session.tokens() == text.tokens);
        CHECK(session.walk({WalkKind::coupled, 0, 5, true}).lengths.size() == 5);
    }

} // TEST_SUITE
