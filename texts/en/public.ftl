# Pages for anybody

public-models = Models
public-docs = Documentation
public-console = Open the console
