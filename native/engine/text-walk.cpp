// Drafts beside a text that the target wrote, for the log of what stop rules would have met.
//
// At each position the draft stays on the text or leaves it, by one throw of the dice for the position
// (text-coupling.h), and from where it leaves it goes on by itself. A draft that starts at s is then what
// the positions from s on say up to the first that leaves. That drafts from several starts share a
// position's dice changes nothing for rounds that follow one another: each position of a text belongs to
// one round, so no two of them look at the same dice.

#include "error.h"
#include "session.h"
#include "text-coupling.h"

#include <algorithm>
#include <string>

namespace specdecpp {

namespace {

// Share of the text's own tokens in the sequence that the paper's head is trained on (SpecDec++, §3.2).
constexpr double textShare = 0.15;

Random randomAt(uint64_t seed, int position) {
    return Random(mixed(mixed(seed) + static_cast<uint64_t>(position)));
}

} // namespace

// A distribution, and how rows are to be described by it: at temperature 0 another.
struct Session::Sight {
    Distribution served;
    std::optional<Distribution> other;
    const Distribution& seen() const { return other ? *other : served; }
};

// What is drafted at a position of the text: a token that stays on it, or one that leaves it and those after.
struct Session::Branch {
    int position = 0; // in the text after the prompt
    Random random;
    bool leaves = false;
    bool replaces = false;
    std::vector<DraftedToken> draft{};
    States states{};
};

Walk Session::walk(const WalkOptions& options) {
    const int length = static_cast<int>(tokens_.size()) - promptLength_;
    if (!draft_ || !options_.walks || options.count < 1 || options.count > options_.maxDraft || options.from < 0 ||
        options.from + options.count > length || drafted() > 0) {
        throw EngineError("ERR_INVALID_ARGUMENT",
                          "A walk needs a draft, a session opened for walks, and positions of the text after the "
                          "prompt, at most as many at a time as the longest draft has tokens.");
    }
    return guarded([&] {
        draft_->giveStates(options.states && options.kind == WalkKind::coupled);
        std::vector<Branch> branches = walkText(options);
        // From the last to the first, so that the caches lose tokens of the text but never need them again.
        for (auto branch = branches.rbegin(); branch != branches.rend(); ++branch) {
            if (branch->leaves) {
                leaveText(*branch, options);
            }
        }
        Walk walk;
        for (Branch& branch : branches) {
            walk.lengths.push_back(static_cast<uint8_t>(branch.draft.size()));
            walk.draft.insert(walk.draft.end(), branch.draft.begin(), branch.draft.end());
            walk.states.insert(walk.states.end(), branch.states.begin(), branch.states.end());
            walk.replaced.push_back(branch.replaces);
        }
        draft_->giveStates(false);
        return walk;
    });
}

// The first drafted token at each position, from one pass of both models over that part of the text.
std::vector<Session::Branch> Session::walkText(const WalkOptions& options) {
    const int start = promptLength_ + options.from;
    const int end = start + options.count;
    std::vector<Branch> branches;
    for (int i = 0; i < options.count; ++i) {
        branches.push_back({options.from + i, randomAt(seed_, options.from + i)});
    }
    const auto text = firstTokens(end);
    const auto rest = [&](Context& context, int to) {
        context.truncate(start - 1);
        return text.first(to).subspan(context.past());
    };
    const Vocabulary& read = draft_->model().vocabulary();
    if (!std::all_of(text.begin(), text.end(), [&](Token token) { return read.contains(token); })) {
        return branches; // the text has a token of padding that only the target knows
    }
    const bool states = options.states && options.kind == WalkKind::coupled;
    const int after = states ? 1 : 0; // a row more, for the state after the last token
    draft_->decode(rest(*draft_, end - 1 + after), options.count + after);
    target_.decode(rest(target_, end - 1), options.count);
    for (int i = 0; i < options.count; ++i) {
        Branch& branch = branches[static_cast<size_t>(i)];
        const auto history = firstTokens(start + i);
        const Token token = tokens_[static_cast<size_t>(start + i)];
        Sight p = look(target_, i, history, settings_);
        if (settings_.temperature == 0) {
            p.served = Distribution::certain(token); // as it was decided; a near tie may round otherwise now
        }
        const Sight q = look(*draft_, i, history, draftSettings_);
        if (branchRoom(branch.position) < 1) {
            continue;
        }
        const bool coupled = options.kind == WalkKind::coupled;
        const Token drafted = coupled ? draftAlongText(token, p.served, q.served, branch.random)
                                      : q.served.sample(branch.random.uniform());
        branch.replaces = !coupled && branch.random.uniform() >= textShare;
        branch.leaves = coupled && drafted != token;
        branch.draft.push_back(describe(drafted, p, q));
        if (states) {
            keepState(i, branch.states);
            if (!branch.leaves) {
                keepState(i + 1, branch.states);
            }
        }
    }
    return branches;
}

// The draft goes on from the token that leaves the text; then one target pass over all of that.
void Session::leaveText(Branch& branch, const WalkOptions& options) {
    const int length = promptLength_ + branch.position;
    const int room = branchRoom(branch.position);
    const Vocabulary& vocabulary = target_.model().vocabulary();
    std::vector<Token> tokens(tokens_.begin(), tokens_.begin() + length);
    tokens.push_back(branch.draft.front().token);
    std::vector<Sight> sights;
    draft_->truncate(length);
    for (;;) {
        const auto drafted = static_cast<int>(tokens.size()) - length;
        const bool full = drafted == room || vocabulary.endsGeneration(tokens.back());
        if (!full || options.states) {
            draft_->decode({&tokens.back(), 1}, 1);
        }
        if (options.states) {
            keepState(0, branch.states);
        }
        if (full) {
            break;
        }
        sights.push_back(look(*draft_, 0, tokens, draftSettings_));
        tokens.push_back(sights.back().served.sample(branch.random.uniform()));
    }
    draft_->truncate(length);
    target_.truncate(length);
    const auto rows = static_cast<int>(sights.size());
    if (rows == 0) {
        return;
    }
    target_.decode(std::span<const Token>(tokens).subspan(length, rows), rows);
    for (int i = 0; i < rows; ++i) {
        const auto history = std::span<const Token>(tokens).first(length + 1 + i);
        const Sight p = look(target_, i, history, settings_);
        branch.draft.push_back(describe(tokens[history.size()], p, sights[static_cast<size_t>(i)]));
    }
    target_.truncate(length);
}

// Tokens that may be drafted from a position: a draft ends where a text was cut, as rounds do.
int Session::branchRoom(int position) const {
    const int text = static_cast<int>(tokens_.size()) - promptLength_;
    const bool ended = target_.model().vocabulary().endsGeneration(tokens_.back());
    const int length = promptLength_ + position;
    return std::min({options_.maxDraft, ended ? options_.maxDraft : text - position, target_.size() - length,
                     draft_->size() - length});
}

Session::Sight Session::look(const Context& context, int output, std::span<const Token> history,
                             const SamplingSettings& settings) const {
    Sight sight{distribution(context, output, history, settings), std::nullopt};
    if (settings_.temperature == 0) {
        sight.other = distribution(context, output, history, view_);
    }
    return sight;
}

DraftedToken Session::describe(Token token, const Sight& p, const Sight& q) const {
    DraftedToken row{};
    row.token = token;
    row.q = q.seen().probability(token);
    row.shape = shapeOf(q.seen());
    row.p = p.seen().probability(token);
    row.acceptance = std::min(1.0, p.served.probability(token) / q.served.probability(token));
    return row;
}

States Session::statesOf(std::span<const Token> continuation) {
    if (!draft_ || !options_.walks || drafted() > 0) {
        throw EngineError("ERR_INVALID_ARGUMENT", "States need a draft in a session opened for walks.");
    }
    return guarded([&] {
        std::vector<Token> tokens(tokens_.begin(), tokens_.begin() + promptLength_);
        tokens.insert(tokens.end(), continuation.begin(), continuation.end());
        draft_->truncate(promptLength_ - 1);
        draft_->decode(std::span<const Token>(tokens).first(promptLength_ - 1).subspan(draft_->past()), 0);
        draft_->giveStates(true);
        States states;
        for (auto rest = std::span<const Token>(tokens).subspan(draft_->past()); !rest.empty();) {
            const auto rows = std::min(rest.size(), static_cast<size_t>(options_.maxDraft) + 1);
            draft_->decode(rest.first(rows), static_cast<int>(rows));
            for (size_t i = 0; i < rows; ++i) {
                keepState(static_cast<int>(i), states);
            }
            rest = rest.subspan(rows);
        }
        draft_->giveStates(false);
        draft_->truncate(promptLength_ - 1); // what came after is not this text
        return states;
    });
}

} // namespace specdecpp
