/** Asks each question once: the names of types, members and symbols that this program asks for are some hundred. */
export function remember<T>(ask: (question: string) => T): (question: string) => T {
  const answers = new Map<string, T>();
  return (question) => {
    const known = answers.get(question);
    if (known !== undefined || answers.has(question)) return known as T;
    const answer = ask(question);
    answers.set(question, answer);
    return answer;
  };
}
