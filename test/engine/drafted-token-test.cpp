// What a round says of its drafted tokens, against a plain evaluation of the same text.

#include "support/demo.h"
#include "support/generate.h"
#include "support/rules.h"
#include "support/teacher.h"
#include "support/z-test.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <span>
#include <string>
#include <vector>

using namespace specdecpp;

namespace {

constexpr int replyTokens = 25;

// Kernels for one row and for many may round differently: a few probabilities by some hundredths, most
// by much less.
struct Differences {
    double largest = 0;
    double sum = 0;
    int count = 0;

    void add(double a, double b) {
        largest = std::max(largest, std::abs(a - b));
        sum += std::abs(a - b);
        ++count;
    }
    double mean() const { return count > 0 ? sum / count : 0; }
};

struct Tally {
    Differences probability;
    Differences entropy; // in nats
    Differences acceptance;
};

double expectedAcceptance(const Verifier& verifier, const Distribution& p, const Distribution& q, Token token) {
    switch (verifier.proposal) {
    case Proposal::mode:
        return p.probability(token);
    case Proposal::coupled: {
        double sum = 0;
        for (Token other = 0; other < demoTarget()->vocabulary().size(); ++other) {
            sum += std::max(q.probability(other), p.probability(other) * q.probability(token) / p.probability(token));
        }
        return p.probability(token) > 0 ? 1 / sum : 0;
    }
    default:
        return std::min(1.0, p.probability(token) / q.probability(token));
    }
}

void checkRound(const Round& round, const std::vector<Token>& before, const RoundOptions& options,
                const SamplingSettings& settings, Tally& tally) {
    CHECK(static_cast<int>(round.draft.size()) == round.drafted);
    std::vector<Token> text = before;
    for (const DraftedToken& drafted : round.draft) {
        text.push_back(drafted.token);
    }
    if (text.size() == before.size()) {
        return;
    }
    const auto targetRows = teacherForce(demoTarget(), text, before.size());
    const auto draftRows = teacherForce(demoDraft(), text, before.size());
    SamplingSettings view = settings.temperature == 0 ? plainSampling(1) : settings;
    for (size_t i = 0; i < round.draft.size(); ++i) {
        const DraftedToken& drafted = round.draft[i];
        const auto history = std::span<const Token>(text).first(before.size() + i);
        const Distribution q = nextTokenDistribution(draftRows[i], history, view.ofDraft());
        const Distribution p = nextTokenDistribution(targetRows[i], history, view);
        const Shape shape = shapeOf(q);
        tally.probability.add(drafted.q, q.probability(drafted.token));
        tally.probability.add(drafted.p, p.probability(drafted.token));
        tally.probability.add(drafted.shape.mode, shape.mode);
        tally.probability.add(drafted.shape.margin, shape.margin);
        tally.entropy.add(drafted.shape.entropy, shape.entropy);
        if (settings.temperature > 0) {
            tally.acceptance.add(drafted.acceptance, expectedAcceptance(*options.verifier, p, q, drafted.token));
        } else if (const Shape target = shapeOf(p); target.margin > 0.1 * target.mode) { // no near tie
            CHECK(drafted.acceptance == static_cast<double>(p.mode() == drafted.token));
        }
    }
}

void checkDetails(const SamplingSettings& settings) {
    Session session(demoTarget(), demoDraft(), sessionOptions(6));
    std::vector<NamedRule> rules = {fixedRule(6)};
    rules.push_back({"confidence 0.4", {6, confidenceGate(0.4)}});
    rules.push_back({"cumulative 0.3", {6, cumulativeGate(0.3)}});
    Tally tally;
    size_t prompt = 0;
    for (const Verifier* verifier : allVerifiers()) {
        for (const NamedRule& rule : rules) {
            RoundOptions options = roundOptions(6, *verifier);
            options.rule = rule.rule;
            options.details = true;
            ++prompt;
            session.begin(demoPrompts()[prompt], settings, 20 + prompt);
            prefillAll(session);
            bool ended = false;
            while (!ended && session.tokens().size() < demoPrompts()[prompt].size() + replyTokens) {
                const std::vector<Token> before = session.tokens();
                const Round round = session.round(options);
                checkRound(round, before, options, settings, tally);
                ended = round.ended;
            }
        }
    }
    MESSAGE("T = ", settings.temperature, ": ", tally.entropy.count, " drafted tokens; probabilities differ by ",
            tally.probability.mean(), " on average, ", tally.probability.largest, " at most; entropies by ",
            tally.entropy.mean(), ", ", tally.entropy.largest, "; acceptances by ", tally.acceptance.mean(), ", ",
            tally.acceptance.largest);
    CHECK(tally.entropy.count > 200);
    CHECK(tally.probability.mean() < 0.003);
    CHECK(tally.probability.largest < 0.05);
    CHECK(tally.entropy.mean() < 0.01);
    CHECK(tally.entropy.largest < 0.15);
    if (settings.temperature > 0) {
        CHECK(tally.acceptance.mean() < 0.01);
        CHECK(tally.acceptance.largest < 0.3); // p/q of a small q
    }
}

// How often tokens are accepted that verification came to, less how often they should be, in standard
// deviations.
double calibration(const Verifier& verifier) {
    Session session(demoTarget(), demoDraft(), sessionOptions(4));
    RoundOptions options = roundOptions(4, verifier);
    options.details = true;
    double excess = 0;
    double variance = 0;
    int reached = 0;
    int accepted = 0;
    for (size_t prompt = 0; prompt < demoPrompts().size(); ++prompt) {
        session.begin(demoPrompts()[prompt], plainSampling(1), 30 + prompt);
        prefillAll(session);
        bool ended = false;
        while (!ended && session.tokens().size() < demoPrompts()[prompt].size() + 60) {
            const Round round = session.round(options);
            for (int i = 0; i < std::min(round.drafted, round.accepted + 1); ++i) {
                const double a = round.draft[static_cast<size_t>(i)].acceptance;
                excess += (i < round.accepted) - a;
                variance += a * (1 - a);
                accepted += i < round.accepted;
                ++reached;
            }
            ended = round.ended;
        }
    }
    const double z = excess / std::sqrt(variance);
    MESSAGE(std::string(verifier.name), ": ", accepted, " of ", reached, " accepted, ", accepted - excess,
            " expected, z ", z);
    return z;
}

} // namespace

TEST_SUITE("drafted tokens") {

    TEST_CASE("at temperature 1 details are those of the distributions served") {
        checkDetails(plainSampling(1));
    }

    TEST_CASE("with top-k and top-p details are those of what is left") {
        checkDetails(truncatedSampling(0.7));
    }

    TEST_CASE("where the draft draws from a few tokens alone, q is among these, and p among all") {
        SamplingSettings settings = plainSampling(1);
        settings.draftTopK = 8;
        checkDetails(settings);
    }

    TEST_CASE("at temperature 0 details are those of temperature 1, and acceptance says whether both agree") {
        checkDetails(plainSampling(0));
    }

    TEST_CASE("acceptance is the probability that a token is accepted, given that those before it are") {
        CHECK(std::abs(calibration(rejectionSampling)) < exactBound);
        CHECK(std::abs(calibration(sampleAndMatch)) < exactBound);
        CHECK(std::abs(calibration(coupledSampling)) < exactBound);
    }

    TEST_CASE("without details and without a gate a round tells nothing of its draft") {
        Session session(demoTarget(), demoDraft(), sessionOptions(4));
        session.begin(demoPrompts()[0], plainSampling(1), 1);
        prefillAll(session);
        session.draft(roundOptions(4));
        CHECK(session.draftedTokens().empty());
        CHECK(session.verify(roundOptions(4), 4).draft.empty());
    }

    TEST_CASE("details change neither the text nor the drafts") {
        Session session(demoTarget(), demoDraft(), sessionOptions(4));
        for (const Verifier* verifier : allVerifiers()) {
            RoundOptions options = roundOptions(4, *verifier);
            const Text without = generate(session, demoPrompts()[0], plainSampling(1), 3, options, replyTokens);
            options.details = true;
            const Text with = generate(session, demoPrompts()[0], plainSampling(1), 3, options, replyTokens);
            CHECK(with.tokens == without.tokens);
            CHECK(with.drafted == without.drafted);
        }
    }

} // TEST_SUITE
